import type { Telemetry } from "@tidemill/telemetry";

export interface RelayMetrics {
  /** The last position that the sequencer gave out. */
  sequenced(position: number): void;
  reached(position: number): void;
  published(count: number, position: number): void;
  rewound(count: number): void;
}

/** Events published and published again, and how many wait for the broker. */
export function createRelayMetrics(telemetry: Pick<Telemetry, "meter"> | undefined): RelayMetrics {
  const published = telemetry?.meter.createCounter("tidemill_events_published", {
    description: "Events that the broker has acknowledged.",
  });
  const rewound = telemetry?.meter.createCounter("tidemill_events_republished", {
    description: "Events that were published again because the broker had lost them.",
  });
  const waiting = telemetry?.meter.createObservableGauge("tidemill_events_waiting", {
    description: "Events that have a position and wait for the broker.",
  });
  let lastPosition = 0;
  let publishedPosition = 0;
  waiting?.addCallback((result) => {
    result.observe(Math.max(0, lastPosition - publishedPosition));
  });
  return {
    sequenced(position) {
      lastPosition = Math.max(lastPosition, position);
    },
    reached(position) {
      publishedPosition = position;
    },
    published(count, position) {
      publishedPosition = position;
      published?.add(count);
    },
    rewound(count) {
      publishedPosition -= count;
      rewound?.add(count);
    },
  };
}
