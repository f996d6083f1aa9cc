import {
  AttemptState as AttemptStateMessage,
  RunState as RunStateMessage,
  TaskKind as TaskKindMessage,
  TaskState as TaskStateMessage,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { AttemptState, RunState, TaskKind, TaskState } from "../domain/states.ts";

const runStates: Readonly<Record<RunState, RunStateMessage>> = {
  pending: RunStateMessage.PENDING,
  running: RunStateMessage.RUNNING,
  succeeded: RunStateMessage.SUCCEEDED,
  failed: RunStateMessage.FAILED,
  canceling: RunStateMessage.CANCELING,
  canceled: RunStateMessage.CANCELED,
};

const taskStates: Readonly<Record<TaskState, TaskStateMessage>> = {
  pending: TaskStateMessage.PENDING,
  queued: TaskStateMessage.QUEUED,
  running: TaskStateMessage.RUNNING,
  succeeded: TaskStateMessage.SUCCEEDED,
  failed: TaskStateMessage.FAILED,
  canceled: TaskStateMessage.CANCELED,
  omitted: TaskStateMessage.OMITTED,
};

const attemptStates: Readonly<Record<AttemptState, AttemptStateMessage>> = {
  dispatched: AttemptStateMessage.DISPATCHED,
  running: AttemptStateMessage.RUNNING,
  succeeded: AttemptStateMessage.SUCCEEDED,
  failed: AttemptStateMessage.FAILED,
  canceled: AttemptStateMessage.CANCELED,
  lost: AttemptStateMessage.LOST,
};

const taskKinds: Readonly<Record<TaskKind, TaskKindMessage>> = {
  root: TaskKindMessage.ROOT,
  dag: TaskKindMessage.DAG,
  container: TaskKindMessage.CONTAINER,
};

export const runStateToProto = (state: RunState): RunStateMessage => runStates[state];
export const taskStateToProto = (state: TaskState): TaskStateMessage => taskStates[state];
export const attemptStateToProto = (state: AttemptState): AttemptStateMessage =>
  attemptStates[state];
export const taskKindToProto = (kind: TaskKind): TaskKindMessage => taskKinds[kind];

/** Undefined for UNSPECIFIED, and for what a later release may send. */
export function runStateFromProto(message: RunStateMessage): RunState | undefined {
  switch (message) {
    case RunStateMessage.PENDING:
      return "pending";
    case RunStateMessage.RUNNING:
      return "running";
    case RunStateMessage.SUCCEEDED:
      return "succeeded";
    case RunStateMessage.FAILED:
      return "failed";
    case RunStateMessage.CANCELING:
      return "canceling";
    case RunStateMessage.CANCELED:
      return "canceled";
    default:
      return undefined;
  }
}

/** Throws when a journal holds a kind that this release does not know. */
export function taskKindFromProto(message: TaskKindMessage): TaskKind {
  switch (message) {
    case TaskKindMessage.ROOT:
      return "root";
    case TaskKindMessage.DAG:
      return "dag";
    case TaskKindMessage.CONTAINER:
      return "container";
    default:
      throw new Error(`bug: task kind ${message} in a journal`);
  }
}
