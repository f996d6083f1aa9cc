import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { eventOf, type OutboxEvent } from "@tidemill/eventing";
import {
  RunCanceledSchema,
  type RunEventDataSchema,
  RunFailedSchema,
  RunStartedSchema,
  RunSubmittedSchema,
  RunSucceededSchema,
  RunTerminationRequestedSchema,
  TaskCanceledSchema,
  type TaskEventDataSchema,
  TaskFailedSchema,
  TaskOmittedSchema,
  TaskQueuedSchema,
  TaskRequeuedSchema,
  TaskStartedSchema,
  TaskSucceededSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/events_pb.ts";
import type { JournalEvent, TaskError } from "../domain/journal-event.ts";
import { type Run, requireTask } from "../domain/run.ts";
import type { RunState, TaskState } from "../domain/states.ts";
import { runStateToProto, taskKindToProto, taskStateToProto } from "../store/state-codec.ts";

/** An event tells what happened; the whole message of an error stands in the task's row. */
const ERROR_MESSAGE_LENGTH_MAX = 4_096;

export interface EventContext {
  readonly run: Run;
  /** The version that the changed row got by the event. */
  readonly version: number;
  readonly id: string;
  readonly traceparent: string;
}

const runSchemas = {
  runCreated: RunSubmittedSchema,
  runStarted: RunStartedSchema,
  terminationRequested: RunTerminationRequestedSchema,
};

const finishedSchemas = {
  succeeded: RunSucceededSchema,
  failed: RunFailedSchema,
  canceled: RunCanceledSchema,
};

const taskSchemas = {
  taskQueued: TaskQueuedSchema,
  dagStarted: TaskStartedSchema,
  attemptDispatched: TaskStartedSchema,
  attemptLost: TaskRequeuedSchema,
  taskSucceeded: TaskSucceededSchema,
  taskFailed: TaskFailedSchema,
  taskOmitted: TaskOmittedSchema,
  taskCanceled: TaskCanceledSchema,
};

const statesAfter: Readonly<Record<keyof typeof taskSchemas, TaskState>> = {
  taskQueued: "queued",
  dagStarted: "running",
  attemptDispatched: "running",
  attemptLost: "queued",
  taskSucceeded: "succeeded",
  taskFailed: "failed",
  taskOmitted: "omitted",
  taskCanceled: "canceled",
};

/**
 * What the world hears of a journal event; undefined for what changes no state of a run or task
 * that others know: tasks being listed, an attempt's user code beginning.
 */
export function publishedEvent(
  event: JournalEvent,
  context: EventContext,
): OutboxEvent | undefined {
  switch (event.kind) {
    case "tasksAdded":
    case "attemptStarted":
      return undefined;
    case "runCreated":
      return runEvent(runSchemas.runCreated, event, context, "pending");
    case "runStarted":
      return runEvent(runSchemas.runStarted, event, context, "running");
    case "terminationRequested":
      return runEvent(runSchemas.terminationRequested, event, context, "canceling");
    case "runFinished":
      return runEvent(finishedSchemas[event.state], event, context, event.state);
    default:
      return taskEvent(event, context);
  }
}

type RunSchema =
  | (typeof runSchemas)[keyof typeof runSchemas]
  | (typeof finishedSchemas)[keyof typeof finishedSchemas];
type TaskSchema = (typeof taskSchemas)[keyof typeof taskSchemas];

function runEvent(
  schema: RunSchema,
  event: JournalEvent,
  context: EventContext,
  state: RunState,
): OutboxEvent {
  const { run } = context;
  const data: MessageInitShape<typeof RunEventDataSchema> = {
    id: run.id,
    name: run.name,
    pipelineName: run.root.plan.key,
    pipelineVersionId: run.pipelineVersionId,
    state: runStateToProto(state),
    createdBy: run.createdBy,
    at: timestampFromMs(event.at),
  };
  if (event.kind === "runFinished" && event.error !== undefined) data.error = clip(event.error);
  return eventOf(schema, attributesOf(run.id, event, context), create(schema, { run: data }));
}

type TaskEvent = Extract<JournalEvent, { readonly kind: keyof typeof taskSchemas }>;

function taskEvent(event: TaskEvent, context: EventContext): OutboxEvent {
  const { run } = context;
  const task = requireTask(run, event.taskId);
  const schema: TaskSchema = taskSchemas[event.kind];
  const data: MessageInitShape<typeof TaskEventDataSchema> = {
    id: task.id,
    runId: run.id,
    key: task.plan.key,
    path: task.path,
    kind: taskKindToProto(task.kind),
    state: taskStateToProto(statesAfter[event.kind]),
    at: timestampFromMs(event.at),
  };
  if ("attemptId" in event && event.attemptId !== undefined) {
    const attempt = task.attempts.findLast((candidate) => candidate.id === event.attemptId);
    data.attempt = attempt?.number ?? 0;
    data.workerId = attempt?.workerId ?? "";
  }
  if ("error" in event && event.error !== undefined) data.error = clip(event.error);
  return eventOf(schema, attributesOf(task.id, event, context), create(schema, { task: data }));
}

function attributesOf(entityId: string, event: JournalEvent, context: EventContext) {
  return {
    id: context.id,
    namespace: context.run.namespace,
    entityId,
    entityVersion: context.version,
    time: event.at,
    traceparent: context.traceparent,
  };
}

function clip({ reason, message }: TaskError): TaskError {
  if (message.length <= ERROR_MESSAGE_LENGTH_MAX) return { reason, message };
  return { reason, message: `${message.slice(0, ERROR_MESSAGE_LENGTH_MAX)}...` };
}
