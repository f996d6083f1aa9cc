import { assert } from "@tidemill/errors";
import type { JournalEvent } from "../domain/journal-event.ts";
import type { Attempt, Run, Task } from "../domain/run.ts";
import type { AttemptRecord, RunRecord, TaskRecord } from "../store/records.ts";
import { shardOf } from "../store/shard-store.ts";

/** A run in memory as its row shows it. */
export function runRecordOf(run: Run, changedSeq: number): RunRecord {
  return {
    id: run.id,
    namespace: run.namespace,
    shard: shardOf(run.id),
    name: run.name,
    pipelineName: run.root.plan.key,
    pipelineVersionId: run.pipelineVersionId,
    specDigest: run.specDigest,
    engineVersion: run.engineVersion,
    state: run.state,
    version: run.version,
    changedSeq,
    parameters: run.parameters,
    pipelineRoot: run.pipelineRoot,
    warnings: run.warnings,
    error: run.error,
    outputParameters: run.outputParameters,
    outputArtifacts: run.outputArtifacts,
    terminatedBy: run.terminatedBy,
    createdBy: run.createdBy,
    createdAt: run.createdAt,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
  };
}

export interface TaskPlace {
  readonly ordinal: number;
  readonly changedSeq: number;
}

/** A task in memory as its row shows it. */
export function taskRecordOf(run: Run, task: Task, place: TaskPlace): TaskRecord {
  return {
    runId: run.id,
    id: task.id,
    ordinal: place.ordinal,
    parentTaskId: task.parent?.id,
    key: task.plan.key,
    path: task.path,
    displayName: task.plan.displayName,
    kind: task.kind,
    state: task.state,
    version: task.version,
    changedSeq: place.changedSeq,
    attemptsLost: task.attemptsLost,
    inputParameters: task.inputParameters,
    inputArtifacts: task.inputArtifacts,
    outputParameters: task.outputParameters,
    outputArtifacts: task.outputArtifacts,
    warnings: task.warnings,
    error: task.error,
    createdAt: task.createdAt,
    startedAt: task.startedAt,
    finishedAt: task.finishedAt,
  };
}

/** An attempt in memory as its row shows it. */
export function attemptRecordOf(run: Run, task: Task, attempt: Attempt): AttemptRecord {
  return {
    runId: run.id,
    taskId: task.id,
    number: attempt.number,
    id: attempt.id,
    epoch: attempt.epoch,
    workerId: attempt.workerId,
    state: attempt.state,
    exitCode: attempt.exitCode,
    signal: attempt.signal,
    error: attempt.error,
    limits: attempt.limits,
    dispatchedAt: attempt.dispatchedAt,
    startedAt: attempt.startedAt,
    finishedAt: attempt.finishedAt,
  };
}

export interface RunRecords {
  readonly run: RunRecord;
  /** In the order of their ordinals. */
  readonly tasks: readonly TaskRecord[];
  /** By task, then number. */
  readonly attempts: readonly AttemptRecord[];
}

/** All rows that a run and the journal it came from stand for. */
export function recordsOf(run: Run, journal: readonly JournalEvent[]): RunRecords {
  const seqs = new Map<string, number>();
  let runSeq = 0;
  for (const [index, event] of journal.entries()) {
    const seq = index + 1;
    if (event.kind === "runCreated") seqs.set(event.rootTaskId, seq);
    if (event.kind === "tasksAdded") for (const task of event.tasks) seqs.set(task.taskId, seq);
    else if ("taskId" in event) seqs.set(event.taskId, seq);
    else runSeq = seq;
  }
  const tasks = [...run.tasks.values()];
  return {
    run: runRecordOf(run, runSeq),
    tasks: tasks.map((task, ordinal) => {
      const changedSeq = seqs.get(task.id);
      assert(changedSeq !== undefined, `task ${task.id} came from the journal`);
      return taskRecordOf(run, task, { ordinal, changedSeq });
    }),
    attempts: tasks.flatMap((task) =>
      task.attempts.map((attempt) => attemptRecordOf(run, task, attempt)),
    ),
  };
}
