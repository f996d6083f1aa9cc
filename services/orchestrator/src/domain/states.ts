export type RunState = "pending" | "running" | "succeeded" | "failed" | "canceling" | "canceled";

export type TaskState =
  | "pending"
  | "queued"
  | "running"
  | "succeeded"
  | "failed"
  | "canceled"
  | "omitted";

export type TaskKind = "root" | "dag" | "container";

export type AttemptState = "dispatched" | "running" | "succeeded" | "failed" | "canceled" | "lost";

/** Nothing will change any more. */
export function isFinalRun(state: RunState): boolean {
  return state === "succeeded" || state === "failed" || state === "canceled";
}

/** Nothing will change any more. */
export function isFinalTask(state: TaskState): boolean {
  return state === "succeeded" || state === "failed" || state === "canceled" || state === "omitted";
}

/** A worker has it, or may have it. */
export function isLiveAttempt(state: AttemptState): boolean {
  return state === "dispatched" || state === "running";
}
