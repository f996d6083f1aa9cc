import type {
  AttemptRecord,
  PipelineRecord,
  PipelineVersionRecord,
  RunRecord,
  TaskRecord,
} from "./records.ts";

/** A row of `runs` as `runColumns` selects it. */
export interface RunRow {
  readonly id: string;
  readonly namespace: string;
  readonly shard: number;
  readonly name: string;
  readonly pipeline_name: string;
  readonly pipeline_version_id: string;
  readonly spec_digest: string;
  readonly engine_version: number;
  readonly state: string;
  readonly version: number;
  readonly changed_seq: number;
  readonly parameters: string;
  readonly pipeline_root: string;
  readonly warnings: string;
  readonly error: string | null;
  readonly output_parameters: string;
  readonly output_artifacts: string;
  readonly terminated_by: string | null;
  readonly created_by: string;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export const runColumns = `id, namespace, shard, name, pipeline_name, pipeline_version_id,
  spec_digest, engine_version, state, version, changed_seq, parameters, pipeline_root, warnings,
  error, output_parameters, output_artifacts, terminated_by, created_by, created_at, started_at,
  finished_at`;

export function runFromRow(row: RunRow): RunRecord {
  return {
    id: row.id,
    namespace: row.namespace,
    shard: row.shard,
    name: row.name,
    pipelineName: row.pipeline_name,
    pipelineVersionId: row.pipeline_version_id,
    specDigest: row.spec_digest,
    engineVersion: row.engine_version,
    state: row.state as RunRecord["state"],
    version: row.version,
    changedSeq: row.changed_seq,
    parameters: JSON.parse(row.parameters) as RunRecord["parameters"],
    pipelineRoot: row.pipeline_root,
    warnings: JSON.parse(row.warnings) as RunRecord["warnings"],
    error: parseOptional(row.error),
    outputParameters: JSON.parse(row.output_parameters) as RunRecord["outputParameters"],
    outputArtifacts: JSON.parse(row.output_artifacts) as RunRecord["outputArtifacts"],
    terminatedBy: row.terminated_by ?? undefined,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
    startedAt: row.started_at?.getTime(),
    finishedAt: row.finished_at?.getTime(),
  };
}

/** A row of `tasks` as `taskColumns` selects it. */
export interface TaskRow {
  readonly run_id: string;
  readonly id: string;
  readonly ordinal: number;
  readonly parent_task_id: string | null;
  readonly key: string;
  readonly path: string;
  readonly display_name: string;
  readonly kind: string;
  readonly state: string;
  readonly version: number;
  readonly changed_seq: number;
  readonly attempts_lost: number;
  readonly input_parameters: string;
  readonly input_artifacts: string;
  readonly output_parameters: string;
  readonly output_artifacts: string;
  readonly warnings: string;
  readonly error: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export const taskColumns = `run_id, id, ordinal, parent_task_id, key, path, display_name, kind,
  state, version, changed_seq, attempts_lost, input_parameters, input_artifacts,
  output_parameters, output_artifacts, warnings, error, created_at, started_at, finished_at`;

export function taskFromRow(row: TaskRow): TaskRecord {
  return {
    runId: row.run_id,
    id: row.id,
    ordinal: row.ordinal,
    parentTaskId: row.parent_task_id ?? undefined,
    key: row.key,
    path: row.path,
    displayName: row.display_name,
    kind: row.kind as TaskRecord["kind"],
    state: row.state as TaskRecord["state"],
    version: row.version,
    changedSeq: row.changed_seq,
    attemptsLost: row.attempts_lost,
    inputParameters: JSON.parse(row.input_parameters) as TaskRecord["inputParameters"],
    inputArtifacts: JSON.parse(row.input_artifacts) as TaskRecord["inputArtifacts"],
    outputParameters: JSON.parse(row.output_parameters) as TaskRecord["outputParameters"],
    outputArtifacts: JSON.parse(row.output_artifacts) as TaskRecord["outputArtifacts"],
    warnings: JSON.parse(row.warnings) as TaskRecord["warnings"],
    error: parseOptional(row.error),
    createdAt: row.created_at.getTime(),
    startedAt: row.started_at?.getTime(),
    finishedAt: row.finished_at?.getTime(),
  };
}

/** A row of `attempts` as `attemptColumns` selects it. */
export interface AttemptRow {
  readonly run_id: string;
  readonly task_id: string;
  readonly number: number;
  readonly id: string;
  readonly epoch: number;
  readonly worker_id: string;
  readonly state: string;
  readonly exit_code: number;
  readonly signal: number;
  readonly error: string | null;
  readonly limits: string;
  readonly dispatched_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export const attemptColumns = `run_id, task_id, number, id, epoch, worker_id, state, exit_code,
  signal, error, limits, dispatched_at, started_at, finished_at`;

export function attemptFromRow(row: AttemptRow): AttemptRecord {
  return {
    runId: row.run_id,
    taskId: row.task_id,
    number: row.number,
    id: row.id,
    epoch: row.epoch,
    workerId: row.worker_id,
    state: row.state as AttemptRecord["state"],
    exitCode: row.exit_code,
    signal: row.signal,
    error: parseOptional(row.error),
    limits: JSON.parse(row.limits) as AttemptRecord["limits"],
    dispatchedAt: row.dispatched_at.getTime(),
    startedAt: row.started_at?.getTime(),
    finishedAt: row.finished_at?.getTime(),
  };
}

export interface PipelineRow {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly description: string;
  readonly created_by: string;
  readonly created_at: Date;
}

export function pipelineFromRow(row: PipelineRow): PipelineRecord {
  const { id, namespace, name, description } = row;
  const created = { createdBy: row.created_by, createdAt: row.created_at.getTime() };
  return { id, namespace, name, description, ...created };
}

export interface PipelineVersionRow extends PipelineRow {
  readonly pipeline_id: string;
  readonly spec_digest: string;
  readonly spec_size_bytes: number;
  readonly pipeline_name: string;
}

export function pipelineVersionFromRow(row: PipelineVersionRow): PipelineVersionRecord {
  return {
    ...pipelineFromRow(row),
    pipelineId: row.pipeline_id,
    specDigest: row.spec_digest,
    specSizeBytes: row.spec_size_bytes,
    pipelineName: row.pipeline_name,
  };
}

function parseOptional<Value>(text: string | null): Value | undefined {
  return text === null ? undefined : (JSON.parse(text) as Value);
}
