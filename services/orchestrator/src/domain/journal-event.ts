import type { Artifacts, Parameters } from "./parameter-value.ts";
import type { RunState, TaskKind } from "./states.ts";

/** Why something did not succeed; `reason` is stable and SCREAMING_SNAKE. */
export interface TaskError {
  readonly reason: string;
  readonly message: string;
}

/** Something that worked, though not as it would on a cluster. */
export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** How an attempt ended, as its worker told. */
export interface AttemptOutcome {
  readonly exitCode: number;
  /** Number of the signal that ended it; 0 for none. */
  readonly signal: number;
  readonly warnings: readonly Warning[];
  readonly limits: readonly string[];
  readonly startedAt: number | undefined;
}

export interface AddedTask {
  readonly taskId: string;
  /** Key in its DAG. */
  readonly key: string;
  readonly kind: TaskKind;
}

/**
 * What the journal of a run consists of: facts, in order, never rewritten. Times are milliseconds
 * since the epoch. Folding them from the first gives the run exactly as its rows show it.
 */
export type JournalEvent = { readonly at: number } & (
  | {
      readonly kind: "runCreated";
      readonly runId: string;
      readonly namespace: string;
      readonly name: string;
      readonly pipelineVersionId: string;
      readonly specDigest: string;
      readonly parameters: Parameters;
      readonly pipelineRoot: string;
      readonly createdBy: string;
      readonly rootTaskId: string;
      readonly warnings: readonly Warning[];
      /** Version of the rules by which the run is executed. */
      readonly engineVersion: number;
    }
  | { readonly kind: "runStarted" }
  | {
      readonly kind: "tasksAdded";
      readonly parentTaskId: string;
      readonly tasks: readonly AddedTask[];
    }
  | {
      /** Its inputs are resolved; a container waits for a worker, a DAG goes on at once. */
      readonly kind: "taskQueued";
      readonly taskId: string;
      readonly parameters: Parameters;
      readonly artifacts: Artifacts;
    }
  | { readonly kind: "dagStarted"; readonly taskId: string }
  | {
      readonly kind: "attemptDispatched";
      readonly taskId: string;
      readonly attemptId: string;
      readonly number: number;
      /** Epoch of the shard owner that sent it out; part of the attempt's token. */
      readonly epoch: number;
      readonly workerId: string;
    }
  | {
      readonly kind: "attemptStarted";
      readonly taskId: string;
      readonly attemptId: string;
      readonly warnings: readonly Warning[];
      readonly limits: readonly string[];
    }
  | {
      /** Its worker went away. The task is queued again, within ATTEMPTS_LOST_MAX. */
      readonly kind: "attemptLost";
      readonly taskId: string;
      readonly attemptId: string;
      readonly error: TaskError;
    }
  | {
      readonly kind: "taskSucceeded";
      readonly taskId: string;
      /** Absent for a DAG. */
      readonly attemptId?: string;
      readonly outcome?: AttemptOutcome;
      readonly parameters: Parameters;
      readonly artifacts: Artifacts;
    }
  | {
      readonly kind: "taskFailed";
      readonly taskId: string;
      readonly attemptId?: string;
      readonly outcome?: AttemptOutcome;
      readonly error: TaskError;
    }
  | { readonly kind: "taskOmitted"; readonly taskId: string; readonly error: TaskError }
  | {
      readonly kind: "taskCanceled";
      readonly taskId: string;
      readonly attemptId?: string;
      readonly outcome?: AttemptOutcome;
    }
  | { readonly kind: "terminationRequested"; readonly by: string }
  | {
      readonly kind: "runFinished";
      readonly state: Extract<RunState, "succeeded" | "failed" | "canceled">;
      readonly error?: TaskError;
      /** Outputs of the pipeline itself. */
      readonly parameters: Parameters;
      readonly artifacts: Artifacts;
    }
);
