import { assert } from "@tidemill/errors";
import type { TaskError, Warning } from "./journal-event.ts";
import type { Artifacts, Parameters } from "./parameter-value.ts";
import type { TaskPlan } from "./plan.ts";
import {
  type AttemptState,
  isLiveAttempt,
  type RunState,
  type TaskKind,
  type TaskState,
} from "./states.ts";

/** Version of the rules by which this code executes runs. */
export const ENGINE_VERSION = 1;

/**
 * How often a task is run again because its worker went away; not the user's retries. One loss
 * more and the task fails with LOST: a task that takes its worker down must end at some time.
 */
export const ATTEMPTS_LOST_MAX = 5;

/**
 * Reason of a loss that counts for nothing: the worker was stopped in order, and said so. A mesh
 * that is stopped every evening must not use up what is meant for tasks that take workers down.
 */
export const WORKER_STOPPED = "WORKER_STOPPED";

/**
 * A run as its owner holds it in memory and as its rows show it. Only applyEvent changes one.
 * Versions grow by one with each event that changes the row in question.
 */
export interface Run {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly pipelineVersionId: string;
  readonly specDigest: string;
  readonly parameters: Parameters;
  readonly pipelineRoot: string;
  readonly createdBy: string;
  readonly warnings: readonly Warning[];
  readonly engineVersion: number;
  readonly root: Task;
  /** Every task there is so far by id, parents before children. */
  readonly tasks: Map<string, Task>;
  readonly createdAt: number;
  state: RunState;
  version: number;
  error: TaskError | undefined;
  /** Outputs of the pipeline itself, once it has succeeded. */
  outputParameters: Parameters;
  outputArtifacts: Artifacts;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  /** Who asked to terminate it; undefined while nobody has. */
  terminatedBy: string | undefined;
}

export interface Task {
  readonly id: string;
  /** Undefined for the root. */
  readonly parent: Task | undefined;
  readonly plan: TaskPlan;
  /** Keys from the root, joined with `/`; `""` for the root. */
  readonly path: string;
  readonly kind: TaskKind;
  readonly createdAt: number;
  state: TaskState;
  version: number;
  inputParameters: Parameters;
  inputArtifacts: Artifacts;
  outputParameters: Parameters;
  outputArtifacts: Artifacts;
  error: TaskError | undefined;
  warnings: readonly Warning[];
  /** When a DAG went on, or a worker first got the task. */
  startedAt: number | undefined;
  finishedAt: number | undefined;
  readonly attempts: Attempt[];
  /** Without those whose worker was stopped in order. */
  attemptsLost: number;
  /** Dependencies that have not succeeded yet. */
  waitingFor: number;
  /** Tasks of this DAG, in the order of its plan; empty until it goes on. */
  children: readonly Task[];
  /** Children that are not final yet. */
  childrenOpen: number;
  /** The child that failed first. */
  childFailed: Task | undefined;
}

export interface Attempt {
  readonly id: string;
  /** 1 for the first. */
  readonly number: number;
  readonly epoch: number;
  readonly workerId: string;
  readonly dispatchedAt: number;
  state: AttemptState;
  exitCode: number;
  signal: number;
  error: TaskError | undefined;
  limits: readonly string[];
  startedAt: number | undefined;
  finishedAt: number | undefined;
}

/** The attempt that a worker may have now; undefined between attempts. */
export function liveAttempt(task: Task): Attempt | undefined {
  const last = task.attempts.at(-1);
  return last !== undefined && isLiveAttempt(last.state) ? last : undefined;
}

/** How a task is called in messages: its path, or the pipeline for the root. */
export function nameOf(task: Task): string {
  return task.parent === undefined ? "the pipeline" : `task "${task.path}"`;
}

/** The task of an id that must be there. */
export function requireTask(run: Run, taskId: string): Task {
  const task = run.tasks.get(taskId);
  assert(task !== undefined, `run "${run.id}" has no task "${taskId}"`);
  return task;
}
