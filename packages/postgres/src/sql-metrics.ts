import type { Telemetry } from "@tidemill/telemetry";
import type { Pool } from "pg";

export interface SqlMetrics {
  ran(statement: string, ms: number, outcome: "ok" | "error"): void;
}

const silent: SqlMetrics = { ran: () => {} };

/** Duration of every statement by name, and how the pool's connections are used. */
export function createSqlMetrics(
  telemetry: Pick<Telemetry, "meter"> | undefined,
  pool: Pool,
): SqlMetrics {
  if (telemetry === undefined) return silent;
  const duration = telemetry.meter.createHistogram("tidemill_sql_duration_seconds", {
    description: "Time from sending a statement to its answer.",
    advice: { explicitBucketBoundaries: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5] },
  });
  const connections = telemetry.meter.createObservableGauge("tidemill_sql_connections", {
    description: "Connections of the pool by what they do; `waiting` are callers without one.",
  });
  connections.addCallback((result) => {
    result.observe(pool.idleCount, { state: "idle" });
    result.observe(pool.totalCount - pool.idleCount, { state: "used" });
    result.observe(pool.waitingCount, { state: "waiting" });
  });
  return {
    ran: (statement, ms, outcome) => duration.record(ms / 1000, { statement, outcome }),
  };
}
