import type { OutboxEvent } from "@tidemill/eventing";
import type { IdSource } from "@tidemill/lifecycle";
import type { JournalEvent } from "../domain/journal-event.ts";
import { type Attempt, type Run, requireTask, type Task } from "../domain/run.ts";
import { publishedEvent } from "../events/published.ts";
import { encodeJournalEvent } from "../store/journal-codec.ts";
import type { AttemptRecord, TaskRecord } from "../store/records.ts";
import type { Lease } from "../store/shard-store.ts";
import type { KeptAnswer, RunChange, TaskChange, Transition } from "../store/transition.ts";
import { attemptRecordOf, runRecordOf, taskRecordOf } from "./run-records.ts";

export interface TransitionContext {
  readonly lease: Lease;
  /** Sequence number of the first of the events. */
  readonly firstSeq: number;
  /** How many tasks the run had before. */
  readonly tasksBefore: number;
  readonly answer: KeptAnswer | undefined;
  readonly traceparent: string;
  readonly ids: IdSource;
}

/** What is to be written for events that have just been applied to a run. */
export function planTransition(
  run: Run,
  events: readonly JournalEvent[],
  context: TransitionContext,
): Transition {
  const changes = collectChanges(run, events, context.firstSeq);
  const created = events[0]?.kind === "runCreated";
  const { runTouch } = changes;
  return {
    runId: run.id,
    lease: context.lease,
    firstSeq: context.firstSeq,
    entries: events.map(encodeJournalEvent),
    createdRun: created ? runRecordOf(run, runTouch) : undefined,
    changedRun: created || runTouch === 0 ? undefined : runChangeOf(run, runTouch),
    addedTasks: addedTasksOf(run, changes, context.tasksBefore),
    changedTasks: changedTasksOf(run, changes),
    attempts: attemptsOf(run, changes),
    events: publishedEvents(run, events, context),
    answer: context.answer,
  };
}

interface TaskTouch {
  seq: number;
  isNew: boolean;
  queued: boolean;
  succeeded: boolean;
}

interface Changes {
  /** Sequence number of the last event about the run itself; 0 for none. */
  runTouch: number;
  readonly tasks: Map<Task, TaskTouch>;
  readonly attempts: Map<Attempt, Task>;
}

function collectChanges(run: Run, events: readonly JournalEvent[], firstSeq: number): Changes {
  const changes: Changes = { runTouch: 0, tasks: new Map(), attempts: new Map() };
  for (const [index, event] of events.entries()) {
    const seq = firstSeq + index;
    if (event.kind === "runCreated") touch(changes, run.root, seq).isNew = true;
    if (event.kind === "tasksAdded") {
      for (const { taskId } of event.tasks) {
        touch(changes, requireTask(run, taskId), seq).isNew = true;
      }
    } else if ("taskId" in event) {
      const task = requireTask(run, event.taskId);
      const touched = touch(changes, task, seq);
      if (event.kind === "taskQueued") touched.queued = true;
      if (event.kind === "taskSucceeded") touched.succeeded = true;
      if ("attemptId" in event && event.attemptId !== undefined) {
        const attempt = task.attempts.findLast((candidate) => candidate.id === event.attemptId);
        if (attempt !== undefined) changes.attempts.set(attempt, task);
      }
    } else {
      changes.runTouch = seq;
    }
  }
  return changes;
}

function touch(changes: Changes, task: Task, seq: number): TaskTouch {
  const known = changes.tasks.get(task);
  if (known !== undefined) {
    known.seq = seq;
    return known;
  }
  const fresh = { seq, isNew: false, queued: false, succeeded: false };
  changes.tasks.set(task, fresh);
  return fresh;
}

/** New tasks stand in `changes` in the order in which they came to be. */
function addedTasksOf(run: Run, changes: Changes, tasksBefore: number): TaskRecord[] {
  const added: TaskRecord[] = [];
  for (const [task, { isNew, seq }] of changes.tasks) {
    if (!isNew) continue;
    added.push(taskRecordOf(run, task, { ordinal: tasksBefore + added.length, changedSeq: seq }));
  }
  return added;
}

function changedTasksOf(run: Run, changes: Changes): TaskChange[] {
  const changed: TaskChange[] = [];
  for (const [task, touched] of changes.tasks) {
    if (touched.isNew) continue;
    changed.push({
      runId: run.id,
      id: task.id,
      state: task.state,
      version: task.version,
      changedSeq: touched.seq,
      attemptsLost: task.attemptsLost,
      inputParameters: touched.queued ? given(task.inputParameters) : undefined,
      inputArtifacts: touched.queued ? given(task.inputArtifacts) : undefined,
      outputParameters: touched.succeeded ? given(task.outputParameters) : undefined,
      outputArtifacts: touched.succeeded ? given(task.outputArtifacts) : undefined,
      warnings: task.warnings.length === 0 ? undefined : task.warnings,
      error: task.error,
      startedAt: task.startedAt,
      finishedAt: task.finishedAt,
    });
  }
  return changed;
}

/** An empty object is what the row holds already. */
function given<Values extends object>(values: Values): Values | undefined {
  for (const _ in values) return values;
  return undefined;
}

function runChangeOf(run: Run, changedSeq: number): RunChange {
  return {
    id: run.id,
    state: run.state,
    version: run.version,
    changedSeq,
    error: run.error,
    outputParameters: given(run.outputParameters),
    outputArtifacts: given(run.outputArtifacts),
    terminatedBy: run.terminatedBy,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
  };
}

function attemptsOf(run: Run, changes: Changes): AttemptRecord[] {
  const records: AttemptRecord[] = [];
  for (const [attempt, task] of changes.attempts) {
    records.push(attemptRecordOf(run, task, attempt));
  }
  return records;
}

/**
 * Every event but `tasksAdded` raised the version of one row by one; so the version that an event
 * led to is the last one less the number of later events about the same row.
 */
function publishedEvents(
  run: Run,
  events: readonly JournalEvent[],
  { ids, traceparent }: TransitionContext,
): OutboxEvent[] {
  const published: OutboxEvent[] = [];
  const versions = new Map<string, number>();
  for (const event of events.toReversed()) {
    if (event.kind === "tasksAdded") continue;
    const entityId = "taskId" in event ? event.taskId : run.id;
    const version =
      versions.get(entityId) ??
      ("taskId" in event ? requireTask(run, event.taskId).version : run.version);
    versions.set(entityId, version - 1);
    const message = publishedEvent(event, { run, version, id: "", traceparent });
    if (message !== undefined) published.push(message);
  }
  // Ids are time-ordered, so they are given out in the order in which things happened.
  return published.reverse().map((message) => ({ ...message, id: ids.next() }));
}
