import { InvalidError } from "@tidemill/errors";
import type { Digest } from "./digest.ts";

export const logStreams = ["stdout", "stderr", "system"] as const;
export type LogStream = (typeof logStreams)[number];

/** Names one log. */
export interface LogKey {
  readonly namespace: string;
  /** UUIDv7. */
  readonly runId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly stream: LogStream;
}

/** A log that can grow, or one that is a blob by now. */
export type LogState =
  | { readonly kind: "open" }
  | { readonly kind: "sealed"; readonly digest: Digest; readonly sizeBytes: number };

export interface LogRecord {
  readonly key: LogKey;
  readonly state: LogState;
}

/** A run's clock may be ahead of ours by this much. */
const RUN_AHEAD_MS_MAX = 24 * 60 * 60 * 1000;

const uuidv7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Distinguishes logs in maps: no two keys share it. */
export function logName(key: LogKey): string {
  return JSON.stringify([key.namespace, key.runId, key.taskId, key.attempt, key.stream]);
}

export function isLogStream(value: string): value is LogStream {
  return logStreams.some((stream) => stream === value);
}

/**
 * Logs lie in partitions by the time in their run's id, so it must be a UUIDv7 that is not of the
 * future. Throws InvalidError BAD_RUN_ID.
 */
export function requireRunId(runId: string, nowMs: number): void {
  const timeMs = Number.parseInt(runId.slice(0, 13).replace("-", ""), 16);
  if (uuidv7.test(runId) && timeMs <= nowMs + RUN_AHEAD_MS_MAX) return;
  const rule = "use the run's id, a UUIDv7 made no later than now";
  throw new InvalidError("BAD_RUN_ID", `run_id ${JSON.stringify(runId)} is refused: ${rule}`, [
    { field: "key.run_id", description: rule },
  ]);
}
