import { assert, assertNever } from "@tidemill/errors";
import type { AttemptOutcome, JournalEvent, TaskError, Warning } from "./journal-event.ts";
import type { Plan, TaskPlan } from "./plan.ts";
import { type Attempt, type Run, requireTask, type Task, WORKER_STOPPED } from "./run.ts";
import type { AttemptState, TaskState } from "./states.ts";

type EventOf<Kind extends JournalEvent["kind"]> = Extract<JournalEvent, { kind: Kind }>;

/** A run as its journal tells it. Throws when the journal does not begin with runCreated. */
export function fold(plan: Plan, events: Iterable<JournalEvent>): Run {
  let run: Run | undefined;
  for (const event of events) run = applyEvent(run, plan, event);
  assert(run !== undefined, "a journal has at least one event");
  return run;
}

/**
 * The only place where a run changes; it does so in place. Decides nothing: whatever the event
 * says has happened, which is why folding a journal gives what the rows show.
 */
export function applyEvent(run: Run | undefined, plan: Plan, event: JournalEvent): Run {
  if (event.kind === "runCreated") return createRun(plan, event);
  assert(run !== undefined, `a journal begins with runCreated, not ${event.kind}`);
  switch (event.kind) {
    case "runStarted":
      run.state = "running";
      run.startedAt = event.at;
      run.version += 1;
      break;
    case "tasksAdded":
      addTasks(run, event);
      break;
    case "terminationRequested":
      run.state = "canceling";
      run.terminatedBy = event.by;
      run.version += 1;
      break;
    case "runFinished":
      run.state = event.state;
      run.error = event.error;
      run.outputParameters = event.parameters;
      run.outputArtifacts = event.artifacts;
      run.finishedAt = event.at;
      run.version += 1;
      break;
    default:
      applyTaskEvent(requireTask(run, event.taskId), event);
  }
  return run;
}

function applyTaskEvent(
  task: Task,
  event: Extract<JournalEvent, { readonly taskId: string }>,
): void {
  switch (event.kind) {
    case "taskQueued":
      queue(task, event);
      break;
    case "dagStarted":
      task.state = "running";
      task.startedAt = event.at;
      task.version += 1;
      break;
    case "attemptDispatched":
      dispatch(task, event);
      break;
    case "attemptStarted":
      startAttempt(task, event);
      break;
    case "attemptLost":
      loseAttempt(task, event);
      break;
    case "taskSucceeded":
      finishAttempt(task, event, "succeeded");
      task.outputParameters = event.parameters;
      task.outputArtifacts = event.artifacts;
      finishTask(task, "succeeded", event.at, undefined);
      break;
    case "taskFailed":
      finishAttempt(task, event, "failed", event.error);
      finishTask(task, "failed", event.at, event.error);
      break;
    case "taskOmitted":
      finishTask(task, "omitted", event.at, event.error);
      break;
    case "taskCanceled":
      finishAttempt(task, event, "canceled");
      finishTask(task, "canceled", event.at, undefined);
      break;
    default:
      assertNever(event, "journal event");
  }
}

function createRun(plan: Plan, event: EventOf<"runCreated">): Run {
  const root = newTask(event.rootTaskId, undefined, plan.root, event.at);
  return {
    id: event.runId,
    namespace: event.namespace,
    name: event.name,
    pipelineVersionId: event.pipelineVersionId,
    specDigest: event.specDigest,
    parameters: event.parameters,
    pipelineRoot: event.pipelineRoot,
    createdBy: event.createdBy,
    warnings: event.warnings,
    engineVersion: event.engineVersion,
    root,
    tasks: new Map([[root.id, root]]),
    createdAt: event.at,
    state: "pending",
    version: 1,
    error: undefined,
    outputParameters: {},
    outputArtifacts: {},
    startedAt: undefined,
    finishedAt: undefined,
    terminatedBy: undefined,
  };
}

function newTask(id: string, parent: Task | undefined, plan: TaskPlan, at: number): Task {
  const around = parent === undefined || parent.path === "" ? "" : `${parent.path}/`;
  return {
    id,
    parent,
    plan,
    path: parent === undefined ? "" : around + plan.key,
    kind: plan.kind,
    createdAt: at,
    state: "pending",
    version: 1,
    inputParameters: NOTHING,
    inputArtifacts: NOTHING,
    outputParameters: NOTHING,
    outputArtifacts: NOTHING,
    error: undefined,
    warnings: NO_WARNINGS,
    startedAt: undefined,
    finishedAt: undefined,
    attempts: [],
    attemptsLost: 0,
    waitingFor: plan.dependencies.length,
    children: NO_TASKS,
    childrenOpen: 0,
    childFailed: undefined,
  };
}

const NOTHING = {};
const NO_WARNINGS: readonly Warning[] = [];
const NO_TASKS: readonly Task[] = [];

function addTasks(run: Run, event: EventOf<"tasksAdded">): void {
  const parent = requireTask(run, event.parentTaskId);
  const { body } = parent.plan;
  assert(body.kind === "dag", `task "${parent.path}" has no tasks within`);
  const children: Task[] = new Array(body.dag.tasks.length);
  for (const { taskId, key } of event.tasks) {
    const index = body.dag.indexByKey.get(key);
    const plan = index === undefined ? undefined : body.dag.tasks[index];
    assert(index !== undefined && plan !== undefined, `the specification has no task "${key}"`);
    const task = newTask(taskId, parent, plan, event.at);
    children[index] = task;
    run.tasks.set(taskId, task);
  }
  parent.children = children;
  parent.childrenOpen = event.tasks.length;
}

function queue(task: Task, event: EventOf<"taskQueued">): void {
  task.state = "queued";
  task.inputParameters = event.parameters;
  task.inputArtifacts = event.artifacts;
  task.version += 1;
}

function dispatch(task: Task, event: EventOf<"attemptDispatched">): void {
  task.attempts.push({
    id: event.attemptId,
    number: event.number,
    epoch: event.epoch,
    workerId: event.workerId,
    dispatchedAt: event.at,
    state: "dispatched",
    exitCode: 0,
    signal: 0,
    error: undefined,
    limits: [],
    startedAt: undefined,
    finishedAt: undefined,
  });
  task.state = "running";
  task.startedAt ??= event.at;
  task.version += 1;
}

function startAttempt(task: Task, event: EventOf<"attemptStarted">): void {
  const attempt = requireAttempt(task, event.attemptId);
  attempt.state = "running";
  attempt.startedAt = event.at;
  attempt.limits = event.limits;
  warn(task, event.warnings);
  task.version += 1;
}

function loseAttempt(task: Task, event: EventOf<"attemptLost">): void {
  const attempt = requireAttempt(task, event.attemptId);
  attempt.state = "lost";
  attempt.error = event.error;
  attempt.finishedAt = event.at;
  if (event.error.reason !== WORKER_STOPPED) task.attemptsLost += 1;
  task.state = "queued";
  task.version += 1;
}

interface AttemptEnd {
  readonly at: number;
  readonly attemptId?: string;
  readonly outcome?: AttemptOutcome;
}

function finishAttempt(
  task: Task,
  { at, attemptId, outcome }: AttemptEnd,
  state: AttemptState,
  error?: TaskError,
): void {
  if (attemptId === undefined) return;
  const attempt = requireAttempt(task, attemptId);
  attempt.state = state;
  attempt.error = error;
  attempt.finishedAt = at;
  if (outcome === undefined) return;
  attempt.exitCode = outcome.exitCode;
  attempt.signal = outcome.signal;
  attempt.startedAt ??= outcome.startedAt;
  if (outcome.limits.length > 0) attempt.limits = outcome.limits;
  warn(task, outcome.warnings);
}

function finishTask(
  task: Task,
  state: Extract<TaskState, "succeeded" | "failed" | "canceled" | "omitted">,
  at: number,
  error: TaskError | undefined,
): void {
  task.state = state;
  task.error = error;
  task.finishedAt = at;
  task.version += 1;
  const { parent } = task;
  if (parent === undefined) return;
  parent.childrenOpen -= 1;
  if (state === "failed") parent.childFailed ??= task;
  if (state !== "succeeded") return;
  for (const index of task.plan.successors) {
    const successor = parent.children[index];
    if (successor !== undefined) successor.waitingFor -= 1;
  }
}

/** Adds what is new: a worker repeats at the end what it said at the start. */
function warn(task: Task, warnings: readonly Warning[]): void {
  const fresh = warnings.filter(
    (warning) =>
      !task.warnings.some(
        (known) => known.code === warning.code && known.message === warning.message,
      ),
  );
  if (fresh.length > 0) task.warnings = [...task.warnings, ...fresh];
}

function requireAttempt(task: Task, attemptId: string): Attempt {
  const attempt = task.attempts.findLast((candidate) => candidate.id === attemptId);
  assert(attempt !== undefined, `task "${task.path}" has no attempt "${attemptId}"`);
  return attempt;
}
