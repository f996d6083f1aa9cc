import {
  AttemptState,
  RunState,
  type TaskError,
  TaskState,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { Paint } from "./paint.ts";

/** `SUCCEEDED` as `succeeded`; a number that this version does not know stays a number. */
function nameIn(states: Readonly<Record<string, number>>, state: number): string {
  const found = Object.entries(states).find(([, value]) => value === state);
  return found === undefined ? String(state) : found[0].toLowerCase().replaceAll("_", " ");
}

export const runStateName = (state: number): string => nameIn(RunState, state);
export const attemptStateName = (state: number): string => nameIn(AttemptState, state);
export const taskStateName = (state: number): string => nameIn(TaskState, state);

export function isFinalRun(state: RunState): boolean {
  return state === RunState.SUCCEEDED || state === RunState.FAILED || state === RunState.CANCELED;
}

export function isFinalTask(state: TaskState): boolean {
  return (
    state === TaskState.SUCCEEDED ||
    state === TaskState.FAILED ||
    state === TaskState.CANCELED ||
    state === TaskState.OMITTED
  );
}

/** Not one that a group or a run has because a task in it failed. */
export function isOwnFailure(error: TaskError): boolean {
  return error.reason !== "TASK_FAILED";
}

/** Run states by the names that `--state` takes. */
export const runStatesByName: ReadonlyMap<string, RunState> = new Map(
  Object.values(RunState)
    .filter((state) => state !== RunState.UNSPECIFIED)
    .map((state) => [runStateName(state), state]),
);

const marks: Readonly<Record<string, string>> = {
  succeeded: "✓",
  failed: "✗",
  canceled: "✗",
  canceling: "●",
  running: "●",
  queued: "○",
  pending: "·",
  omitted: "-",
};

/** One character for a state by its name. */
export function markOf(stateName: string): string {
  return marks[stateName] ?? "?";
}

/** The text in the colour of a state. */
export function paintState(paint: Paint, stateName: string, text: string): string {
  switch (stateName) {
    case "succeeded":
      return paint.good(text);
    case "failed":
    case "canceled":
      return paint.bad(text);
    case "running":
    case "canceling":
      return paint.busy(text);
    default:
      return paint.faint(text);
  }
}
