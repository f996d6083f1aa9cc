import type { OutboxEvent } from "@tidemill/eventing";
import type { IdempotencyKey } from "@tidemill/postgres";
import type { TaskError, Warning } from "../domain/journal-event.ts";
import type { Artifacts, Parameters } from "../domain/parameter-value.ts";
import type { RunState, TaskState } from "../domain/states.ts";
import type { AttemptRecord, RunRecord, TaskRecord } from "./records.ts";
import type { Lease } from "./shard-store.ts";

/** What changed in a run's row. Undefined where nothing did: no event takes a value away. */
export interface RunChange {
  readonly id: string;
  readonly state: RunState;
  readonly version: number;
  readonly changedSeq: number;
  readonly error: TaskError | undefined;
  readonly outputParameters: Parameters | undefined;
  readonly outputArtifacts: Artifacts | undefined;
  readonly terminatedBy: string | undefined;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** What changed in a task's row. Undefined where nothing did: no event takes a value away. */
export interface TaskChange {
  readonly runId: string;
  readonly id: string;
  readonly state: TaskState;
  readonly version: number;
  readonly changedSeq: number;
  readonly attemptsLost: number;
  readonly inputParameters: Parameters | undefined;
  readonly inputArtifacts: Artifacts | undefined;
  readonly outputParameters: Parameters | undefined;
  readonly outputArtifacts: Artifacts | undefined;
  readonly warnings: readonly Warning[] | undefined;
  readonly error: TaskError | undefined;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** The answer to the request that asked for a transition, kept in the same commit. */
export interface KeptAnswer {
  readonly key: IdempotencyKey;
  readonly bytes: Uint8Array;
}

/** Everything that one command writes: all of it is committed, or nothing. */
export interface Transition {
  readonly runId: string;
  /** Under which the command was carried out; the commit fails when it does not stand any more. */
  readonly lease: Lease;
  /** Sequence number of the first entry; the one before it must be in the journal. */
  readonly firstSeq: number;
  readonly entries: readonly Uint8Array[];
  readonly createdRun: RunRecord | undefined;
  readonly changedRun: RunChange | undefined;
  readonly addedTasks: readonly TaskRecord[];
  readonly changedTasks: readonly TaskChange[];
  readonly attempts: readonly AttemptRecord[];
  readonly events: readonly OutboxEvent[];
  readonly answer: KeptAnswer | undefined;
}
