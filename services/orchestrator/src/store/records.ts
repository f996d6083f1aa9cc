import type { TaskError, Warning } from "../domain/journal-event.ts";
import type { Artifacts, Parameters } from "../domain/parameter-value.ts";
import type { AttemptState, RunState, TaskKind, TaskState } from "../domain/states.ts";

/** A run's row. Times are milliseconds since the epoch. */
export interface RunRecord {
  readonly id: string;
  readonly namespace: string;
  readonly shard: number;
  readonly name: string;
  readonly pipelineName: string;
  readonly pipelineVersionId: string;
  readonly specDigest: string;
  readonly engineVersion: number;
  readonly state: RunState;
  readonly version: number;
  /** Sequence number of the journal entry that changed the row last. */
  readonly changedSeq: number;
  readonly parameters: Parameters;
  readonly pipelineRoot: string;
  readonly warnings: readonly Warning[];
  readonly error: TaskError | undefined;
  readonly outputParameters: Parameters;
  readonly outputArtifacts: Artifacts;
  readonly terminatedBy: string | undefined;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** A task's row, without its attempts. */
export interface TaskRecord {
  readonly runId: string;
  readonly id: string;
  /** Place in the order in which the run's tasks came to be. */
  readonly ordinal: number;
  readonly parentTaskId: string | undefined;
  readonly key: string;
  readonly path: string;
  readonly displayName: string;
  readonly kind: TaskKind;
  readonly state: TaskState;
  readonly version: number;
  readonly changedSeq: number;
  readonly attemptsLost: number;
  readonly inputParameters: Parameters;
  readonly inputArtifacts: Artifacts;
  readonly outputParameters: Parameters;
  readonly outputArtifacts: Artifacts;
  readonly warnings: readonly Warning[];
  readonly error: TaskError | undefined;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** An attempt's row. */
export interface AttemptRecord {
  readonly runId: string;
  readonly taskId: string;
  readonly number: number;
  readonly id: string;
  readonly epoch: number;
  readonly workerId: string;
  readonly state: AttemptState;
  readonly exitCode: number;
  readonly signal: number;
  readonly error: TaskError | undefined;
  readonly limits: readonly string[];
  readonly dispatchedAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface PipelineRecord {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly description: string;
  readonly createdBy: string;
  readonly createdAt: number;
}

export interface PipelineVersionRecord {
  readonly id: string;
  readonly pipelineId: string;
  readonly namespace: string;
  readonly name: string;
  readonly description: string;
  readonly specDigest: string;
  readonly specSizeBytes: number;
  readonly pipelineName: string;
  readonly createdBy: string;
  readonly createdAt: number;
}

/** A specification as it was sent. */
export interface SpecRecord {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly pipelineName: string;
  /** Undefined for one that lies in the artifact service. */
  readonly content: Uint8Array | undefined;
  readonly createdAt: number;
}
