import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { IntegrityError } from "@tidemill/errors";
import {
  type JournalEntry,
  type JournalEntry_AttemptOutcome,
  JournalEntrySchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/journal_pb.ts";
import type { AttemptOutcome, JournalEvent, TaskError } from "../domain/journal-event.ts";
import {
  runStateFromProto,
  runStateToProto,
  taskKindFromProto,
  taskKindToProto,
} from "./state-codec.ts";
import {
  artifactsFromProto,
  artifactsToProto,
  parametersFromProto,
  parametersToProto,
} from "./value-codec.ts";

/** Version of the meaning of a JournalEntry that this release writes. Every older one is read. */
const JOURNAL_SCHEMA = 1;

type EventInit = NonNullable<MessageInitShape<typeof JournalEntrySchema>["event"]>;

/** An event as it is stored for good. */
export function encodeJournalEvent(event: JournalEvent): Uint8Array {
  const entry = create(JournalEntrySchema, {
    schema: JOURNAL_SCHEMA,
    atMs: BigInt(event.at),
    event: eventToProto(event),
  });
  return toBinary(JournalEntrySchema, entry);
}

/** Throws IntegrityError for bytes that are no entry, or one of a later release. */
export function decodeJournalEvent(payload: Uint8Array): JournalEvent {
  let entry: JournalEntry;
  try {
    entry = fromBinary(JournalEntrySchema, payload);
  } catch (cause) {
    throw new IntegrityError("JOURNAL_CORRUPT", "a journal entry cannot be read", { cause });
  }
  if (entry.schema < 1 || entry.schema > JOURNAL_SCHEMA) {
    throw new IntegrityError(
      "JOURNAL_TOO_NEW",
      `a journal entry has schema ${entry.schema}; this release reads 1 to ${JOURNAL_SCHEMA}: ` +
        "start the release that wrote it, or a newer one",
    );
  }
  return eventFromProto(entry);
}

function eventToProto(event: JournalEvent): EventInit {
  switch (event.kind) {
    case "runCreated": {
      const { kind, at, parameters, ...rest } = event;
      const value = {
        ...rest,
        warnings: [...rest.warnings],
        parameters: parametersToProto(parameters),
      };
      return { case: kind, value };
    }
    case "runStarted":
      return { case: "runStarted", value: {} };
    case "tasksAdded": {
      const tasks = event.tasks.map((task) => ({ ...task, kind: taskKindToProto(task.kind) }));
      return { case: "tasksAdded", value: { parentTaskId: event.parentTaskId, tasks } };
    }
    case "terminationRequested":
      return { case: "terminationRequested", value: { by: event.by } };
    case "runFinished": {
      const value = {
        state: runStateToProto(event.state),
        ...errorInit(event.error),
        parameters: parametersToProto(event.parameters),
        artifacts: artifactsToProto(event.artifacts),
      };
      return { case: "runFinished", value };
    }
    default:
      return taskEventToProto(event);
  }
}

type TaskEvent = Extract<JournalEvent, { readonly taskId: string }>;

function taskEventToProto(event: TaskEvent): EventInit {
  const { taskId } = event;
  switch (event.kind) {
    case "taskQueued": {
      const parameters = parametersToProto(event.parameters);
      const artifacts = artifactsToProto(event.artifacts);
      return { case: "taskQueued", value: { taskId, parameters, artifacts } };
    }
    case "dagStarted":
      return { case: "dagStarted", value: { taskId } };
    case "attemptDispatched": {
      const { attemptId, number, workerId } = event;
      const value = { taskId, attemptId, number, workerId, epoch: BigInt(event.epoch) };
      return { case: "attemptDispatched", value };
    }
    case "attemptStarted": {
      const { attemptId, warnings, limits } = event;
      const value = { taskId, attemptId, warnings: [...warnings], limits: [...limits] };
      return { case: "attemptStarted", value };
    }
    case "attemptLost": {
      const { attemptId, error } = event;
      return { case: "attemptLost", value: { taskId, attemptId, error } };
    }
    case "taskSucceeded": {
      const parameters = parametersToProto(event.parameters);
      const artifacts = artifactsToProto(event.artifacts);
      const value = { taskId, ...attemptInit(event), parameters, artifacts };
      return { case: "taskSucceeded", value };
    }
    case "taskFailed":
      return { case: "taskFailed", value: { taskId, ...attemptInit(event), error: event.error } };
    case "taskOmitted":
      return { case: "taskOmitted", value: { taskId, error: event.error } };
    case "taskCanceled":
      return { case: "taskCanceled", value: { taskId, ...attemptInit(event) } };
  }
}

function errorInit(error: TaskError | undefined) {
  return error === undefined ? {} : { error };
}

interface EndOfAttempt {
  readonly attemptId?: string;
  readonly outcome?: AttemptOutcome;
}

function attemptInit({ attemptId, outcome }: EndOfAttempt) {
  return {
    attemptId: attemptId ?? "",
    ...(outcome === undefined ? {} : { outcome: outcomeInit(outcome) }),
  };
}

function outcomeInit(outcome: AttemptOutcome) {
  return {
    exitCode: outcome.exitCode,
    signal: outcome.signal,
    warnings: [...outcome.warnings],
    limits: [...outcome.limits],
    startedAtMs: BigInt(outcome.startedAt ?? 0),
  };
}

function eventFromProto(entry: JournalEntry): JournalEvent {
  const at = Number(entry.atMs);
  const { event } = entry;
  switch (event.case) {
    case "runCreated": {
      const { $typeName, $unknown, parameters, warnings, ...rest } = event.value;
      return {
        at,
        kind: "runCreated",
        ...rest,
        warnings: warnings.map(({ code, message }) => ({ code, message })),
        parameters: parametersFromProto(parameters),
      };
    }
    case "runStarted":
      return { at, kind: "runStarted" };
    case "tasksAdded": {
      const tasks = event.value.tasks.map(({ taskId, key, kind }) => ({
        taskId,
        key,
        kind: taskKindFromProto(kind),
      }));
      return { at, kind: "tasksAdded", parentTaskId: event.value.parentTaskId, tasks };
    }
    case "terminationRequested":
      return { at, kind: "terminationRequested", by: event.value.by };
    case "runFinished":
      return runFinishedFromProto(at, event.value);
    default:
      return taskEventFromProto(at, event);
  }
}

type EventMessage = JournalEntry["event"];
type EntryOf<Case extends EventMessage["case"]> = Extract<EventMessage, { case: Case }>;

function runFinishedFromProto(at: number, value: EntryOf<"runFinished">["value"]): JournalEvent {
  const state = runStateFromProto(value.state);
  if (state !== "succeeded" && state !== "failed" && state !== "canceled") {
    throw new IntegrityError("JOURNAL_CORRUPT", `a run cannot finish in state ${value.state}`);
  }
  return {
    at,
    kind: "runFinished",
    state,
    ...(value.error === undefined ? {} : { error: errorFrom(value.error) }),
    parameters: parametersFromProto(value.parameters),
    artifacts: artifactsFromProto(value.artifacts),
  };
}

function taskEventFromProto(at: number, event: EventMessage): JournalEvent {
  switch (event.case) {
    case "taskQueued": {
      const { taskId } = event.value;
      const parameters = parametersFromProto(event.value.parameters);
      return {
        at,
        kind: "taskQueued",
        taskId,
        parameters,
        artifacts: artifactsFromProto(event.value.artifacts),
      };
    }
    case "dagStarted":
      return { at, kind: "dagStarted", taskId: event.value.taskId };
    case "attemptDispatched": {
      const { taskId, attemptId, number, workerId } = event.value;
      const epoch = Number(event.value.epoch);
      return { at, kind: "attemptDispatched", taskId, attemptId, number, epoch, workerId };
    }
    case "attemptStarted": {
      const { taskId, attemptId, limits } = event.value;
      const warnings = event.value.warnings.map(({ code, message }) => ({ code, message }));
      return { at, kind: "attemptStarted", taskId, attemptId, warnings, limits };
    }
    case "attemptLost": {
      const { taskId, attemptId, error } = event.value;
      return { at, kind: "attemptLost", taskId, attemptId, error: errorFrom(error) };
    }
    default:
      return endOfTaskFromProto(at, event);
  }
}

function endOfTaskFromProto(at: number, event: EventMessage): JournalEvent {
  switch (event.case) {
    case "taskSucceeded": {
      const parameters = parametersFromProto(event.value.parameters);
      const artifacts = artifactsFromProto(event.value.artifacts);
      const end = endOf(event.value);
      const { taskId } = event.value;
      return { at, kind: "taskSucceeded", taskId, ...end, parameters, artifacts };
    }
    case "taskFailed": {
      const { taskId, error } = event.value;
      return { at, kind: "taskFailed", taskId, ...endOf(event.value), error: errorFrom(error) };
    }
    case "taskOmitted":
      return {
        at,
        kind: "taskOmitted",
        taskId: event.value.taskId,
        error: errorFrom(event.value.error),
      };
    case "taskCanceled":
      return { at, kind: "taskCanceled", taskId: event.value.taskId, ...endOf(event.value) };
    default:
      throw new IntegrityError("JOURNAL_CORRUPT", "a journal entry holds no event");
  }
}

function errorFrom(error: { reason: string; message: string } | undefined): TaskError {
  return { reason: error?.reason ?? "", message: error?.message ?? "" };
}

function endOf(value: {
  readonly attemptId: string;
  readonly outcome?: JournalEntry_AttemptOutcome | undefined;
}): EndOfAttempt {
  const { attemptId, outcome } = value;
  return {
    ...(attemptId === "" ? {} : { attemptId }),
    ...(outcome === undefined ? {} : { outcome: outcomeFrom(outcome) }),
  };
}

function outcomeFrom(message: JournalEntry_AttemptOutcome): AttemptOutcome {
  const startedAt = Number(message.startedAtMs);
  return {
    exitCode: message.exitCode,
    signal: message.signal,
    warnings: message.warnings.map(({ code, message: text }) => ({ code, message: text })),
    limits: message.limits,
    startedAt: startedAt === 0 ? undefined : startedAt,
  };
}
