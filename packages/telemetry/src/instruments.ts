import type { Attributes, Counter, Histogram, Meter } from "@opentelemetry/api";

/** Upper bounds in seconds, from a commit on a fast disk to a build of an environment. */
const DURATION_BOUNDS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

/** A histogram of durations in seconds; the name ends in `_seconds`. */
export function durationHistogram(meter: Meter, name: string, description: string): Histogram {
  return meter.createHistogram(name, {
    description,
    advice: { explicitBucketBoundaries: DURATION_BOUNDS_SECONDS },
  });
}

/** A count that only grows; the name ends in `_total`. */
export function counter(meter: Meter, name: string, description: string): Counter {
  return meter.createCounter(name, { description });
}

export interface Reading {
  readonly value: number;
  readonly labels?: Attributes;
}

/** A value read whenever metrics are asked for: queue depths, connections, leases. */
export function gauge(
  meter: Meter,
  name: string,
  description: string,
  read: () => number | Iterable<Reading>,
): void {
  meter.createObservableGauge(name, { description }).addCallback((result) => {
    const reading = read();
    if (typeof reading === "number") result.observe(reading);
    else for (const { value, labels } of reading) result.observe(value, labels);
  });
}
