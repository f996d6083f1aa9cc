import { counter, durationHistogram, gauge, type Telemetry } from "@tidemill/telemetry";

export interface EngineMetrics {
  /** One commit that was written, with the journal entries in it. */
  committed(transitions: number): void;
  attemptEnded(ms: number): void;
}

/** What there is at the moment of asking. */
export interface EngineReading {
  readonly queuedTasks: number;
  readonly liveRuns: number;
  readonly shards: number;
  readonly slots: { readonly used: number; readonly total: number };
}

const SIZE_BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

/** What the engine tells about itself; nothing without telemetry. */
export function createEngineMetrics(
  telemetry: Pick<Telemetry, "meter"> | undefined,
  read: () => EngineReading,
): EngineMetrics {
  if (telemetry === undefined) {
    return { committed: () => undefined, attemptEnded: () => undefined };
  }
  const { meter } = telemetry;
  gauge(meter, "tidemill_tasks_queued", "Tasks that wait for a worker.", () => read().queuedTasks);
  gauge(meter, "tidemill_runs_live", "Runs in memory that have not ended.", () => read().liveRuns);
  gauge(meter, "tidemill_shards_owned", "Shards that this process owns.", () => read().shards);
  gauge(meter, "tidemill_worker_slots", "Slots of connected workers.", () => {
    const { used, total } = read().slots;
    return [
      { value: used, labels: { state: "used" } },
      { value: total - used, labels: { state: "free" } },
    ];
  });
  const transitions = counter(
    meter,
    "tidemill_transitions_total",
    "Journal entries that were committed.",
  );
  const perCommit = meter.createHistogram("tidemill_transitions_per_commit", {
    description: "Journal entries that shared a commit.",
    advice: { explicitBucketBoundaries: SIZE_BOUNDS },
  });
  const attempts = durationHistogram(
    meter,
    "tidemill_attempt_duration_seconds",
    "From the decision where an attempt runs to its end.",
  );
  return {
    committed(count) {
      transitions.add(count);
      perCommit.record(count);
    },
    attemptEnded: (ms) => attempts.record(ms / 1_000),
  };
}
