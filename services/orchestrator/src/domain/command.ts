import type { AttemptOutcome, TaskError, Warning } from "./journal-event.ts";
import type { Artifacts, Parameters } from "./parameter-value.ts";

/** Names one execution; a report with another pair than the one recorded is stale. */
export interface AttemptToken {
  readonly attemptId: string;
  readonly epoch: number;
}

/** What may be asked of a run, or reported about it. */
export type Command =
  | {
      readonly kind: "create";
      readonly runId: string;
      readonly namespace: string;
      readonly name: string;
      readonly pipelineVersionId: string;
      readonly specDigest: string;
      readonly parameters: Parameters;
      readonly pipelineRoot: string;
      readonly createdBy: string;
      readonly warnings: readonly Warning[];
    }
  | {
      readonly kind: "dispatch";
      readonly taskId: string;
      readonly attemptId: string;
      readonly epoch: number;
      readonly workerId: string;
    }
  | {
      readonly kind: "attemptStarted";
      readonly taskId: string;
      readonly token: AttemptToken;
      readonly warnings: readonly Warning[];
      readonly limits: readonly string[];
    }
  | {
      readonly kind: "attemptFinished";
      readonly taskId: string;
      readonly token: AttemptToken;
      readonly outcome: AttemptOutcome;
      readonly result:
        | {
            readonly kind: "succeeded";
            readonly parameters: Parameters;
            readonly artifacts: Artifacts;
          }
        | { readonly kind: "failed"; readonly error: TaskError }
        | { readonly kind: "canceled" };
    }
  | {
      readonly kind: "attemptLost";
      readonly taskId: string;
      readonly token: AttemptToken;
      readonly error: TaskError;
    }
  | { readonly kind: "terminate"; readonly by: string };

/** What the engine must do once the events are committed. */
export type Effect =
  | { readonly kind: "dispatchable"; readonly taskId: string }
  | {
      readonly kind: "stopAttempt";
      readonly taskId: string;
      readonly attemptId: string;
      readonly workerId: string;
    }
  | { readonly kind: "runEnded" };
