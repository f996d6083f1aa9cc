import type { Telemetry } from "@tidemill/telemetry";

export interface GroupCommitMetrics {
  committed(calls: number, ms: number): void;
  failed(): void;
}

const silent: GroupCommitMetrics = { committed: () => {}, failed: () => {} };

/** Calls per commit, time of a commit, commits that failed, and calls that wait. */
export function createGroupCommitMetrics(
  telemetry: Pick<Telemetry, "meter"> | undefined,
  writer: string,
  queue: { readonly waitingCount: number },
): GroupCommitMetrics {
  if (telemetry === undefined) return silent;
  const { meter } = telemetry;
  const calls = meter.createHistogram("tidemill_group_commit_calls", {
    description: "Calls that shared one commit.",
    advice: { explicitBucketBoundaries: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] },
  });
  const duration = meter.createHistogram("tidemill_group_commit_duration_seconds", {
    description: "Time of one commit with its statements.",
    advice: { explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2] },
  });
  const failures = meter.createCounter("tidemill_group_commit_failures", {
    description: "Commits that failed and were tried call by call.",
  });
  const waiting = meter.createObservableGauge("tidemill_group_commit_waiting", {
    description: "Calls that no commit has taken yet.",
  });
  waiting.addCallback((result) => result.observe(queue.waitingCount, { writer }));
  return {
    committed(count, ms) {
      calls.record(count, { writer });
      duration.record(ms / 1000, { writer });
    },
    failed: () => failures.add(1, { writer }),
  };
}
