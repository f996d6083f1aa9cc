import { fold } from "./apply-event.ts";
import type { JournalEvent } from "./journal-event.ts";
import type { Plan, TaskPlan } from "./plan.ts";
import { ATTEMPTS_LOST_MAX, WORKER_STOPPED } from "./run.ts";
import { differences, type RunView, viewRun } from "./run-view.ts";

/**
 * What must hold of the journal of a run whatever happened to it; each violation is a sentence that
 * begins with the name of the invariant. Reads the journal by itself, without the reducer, so that
 * a mistake there does not hide itself.
 *
 * I1 the run has ended, and all of its tasks with it, and nothing is lost for ever. I2 every task
 * has exactly one recorded result, of the last attempt it had. I3 no task starts before the results
 * of all it depends on. I4 no attempt is sent out under an older epoch than one before.
 * I5 fold(journal) == rows. I6 what is asked for once happens once: one creation, one termination,
 * one end.
 */
export function checkJournal(plan: Plan, journal: readonly JournalEvent[]): string[] {
  const history: History = {
    plan,
    tasks: new Map(),
    violations: [],
    created: 0,
    terminations: 0,
    endedAt: undefined,
  };
  for (const [index, event] of journal.entries()) checkEvent(history, event, index);
  if (history.created !== 1) history.violations.push(`I6 created ${history.created} times`);
  if (history.endedAt === undefined) history.violations.push("I1 the run has not ended");
  for (const task of history.tasks.values()) {
    if (task.results !== 1) history.violations.push(`I2 ${task.path} has ${task.results} results`);
  }
  return history.violations;
}

/** I5: what the journal tells against what the rows show. */
export function checkRows(plan: Plan, journal: Iterable<JournalEvent>, rows: RunView): string[] {
  return differences(viewRun(fold(plan, journal)), rows).map((difference) => `I5 ${difference}`);
}

interface History {
  readonly plan: Plan;
  readonly tasks: Map<string, TaskHistory>;
  readonly violations: string[];
  created: number;
  terminations: number;
  endedAt: number | undefined;
}

interface TaskHistory {
  readonly path: string;
  readonly plan: TaskPlan;
  readonly parent: TaskHistory | undefined;
  readonly children: Map<number, TaskHistory>;
  results: number;
  succeeded: boolean;
  failed: boolean;
  lastAttempt: string | undefined;
  lastEpoch: number;
  liveAttempt: boolean;
  lost: number;
}

function checkEvent(history: History, event: JournalEvent, index: number): void {
  const { violations } = history;
  if (history.endedAt !== undefined) {
    violations.push(`I6 event ${index} (${event.kind}) follows the end of the run`);
  }
  switch (event.kind) {
    case "runCreated":
      history.created += 1;
      history.tasks.set(event.rootTaskId, newTask(history.plan.root, undefined, "root"));
      return;
    case "runStarted":
      return;
    case "terminationRequested":
      history.terminations += 1;
      if (history.terminations > 1) violations.push("I6 termination was recorded twice");
      return;
    case "runFinished":
      history.endedAt = index;
      checkEnd(history, event);
      return;
    case "tasksAdded":
      addTasks(history, event);
      return;
    default: {
      const task = history.tasks.get(event.taskId);
      if (task === undefined) violations.push(`I2 ${event.kind} of an unknown task`);
      else checkTaskEvent(history, task, event);
    }
  }
}

type TaskEvent = Extract<JournalEvent, { readonly taskId: string }>;

function checkTaskEvent(history: History, task: TaskHistory, event: TaskEvent): void {
  const { violations } = history;
  if (task.results > 0) violations.push(`I2 ${event.kind} of ${task.path} follows its result`);
  switch (event.kind) {
    case "taskQueued":
    case "dagStarted":
      checkDependencies(history, task, event.kind);
      return;
    case "attemptDispatched":
      checkDependencies(history, task, event.kind);
      if (history.terminations > 0) violations.push(`I3 ${task.path} was sent out while canceling`);
      if (task.lost > ATTEMPTS_LOST_MAX) violations.push(`I1 ${task.path} is lost for ever`);
      if (task.liveAttempt) violations.push(`I2 ${task.path} has two attempts at one time`);
      if (event.epoch < task.lastEpoch) violations.push(`I4 ${task.path}: ${event.epoch} is stale`);
      task.lastEpoch = event.epoch;
      task.lastAttempt = event.attemptId;
      task.liveAttempt = true;
      return;
    case "attemptStarted":
      checkAttempt(history, task, event.attemptId, event.kind);
      return;
    case "attemptLost":
      checkAttempt(history, task, event.attemptId, event.kind);
      task.liveAttempt = false;
      if (event.error.reason !== WORKER_STOPPED) task.lost += 1;
      return;
    case "taskSucceeded":
    case "taskFailed":
    case "taskCanceled":
      if (event.attemptId !== undefined) {
        checkAttempt(history, task, event.attemptId, event.kind);
      } else if (task.liveAttempt) {
        violations.push(`I2 ${event.kind} of ${task.path} ignores the attempt that is running`);
      }
      if (event.kind === "taskSucceeded") checkSuccess(history, task, event.attemptId);
      task.succeeded = event.kind === "taskSucceeded";
      task.failed = event.kind === "taskFailed";
      task.liveAttempt = false;
      task.results += 1;
      return;
    case "taskOmitted":
      if (dependenciesOf(task).every((dependency) => dependency?.results === 0)) {
        violations.push(`I3 ${task.path} was omitted although nothing before it has ended`);
      }
      task.results += 1;
  }
}

function checkDependencies({ violations }: History, task: TaskHistory, what: string): void {
  for (const dependency of dependenciesOf(task)) {
    if (dependency?.succeeded) continue;
    violations.push(`I3 ${what} of ${task.path} before the success of ${dependency?.path}`);
  }
}

function dependenciesOf(task: TaskHistory): (TaskHistory | undefined)[] {
  return task.plan.dependencies.map((index) => task.parent?.children.get(index));
}

function checkAttempt(
  { violations }: History,
  task: TaskHistory,
  attemptId: string,
  what: string,
): void {
  if (task.liveAttempt && task.lastAttempt === attemptId) return;
  violations.push(`I2 ${what} of ${task.path} is about an attempt that is not the last one`);
}

function checkSuccess(
  { violations }: History,
  task: TaskHistory,
  attemptId: string | undefined,
): void {
  if (task.plan.kind === "container") {
    if (attemptId === undefined) violations.push(`I2 ${task.path} succeeded without an attempt`);
    return;
  }
  for (const child of task.children.values()) {
    if (!child.succeeded) violations.push(`I3 ${task.path} succeeded before ${child.path}`);
  }
}

function checkEnd(history: History, event: Extract<JournalEvent, { kind: "runFinished" }>): void {
  const { violations } = history;
  const tasks = [...history.tasks.values()];
  for (const task of tasks) {
    if (task.results === 0) violations.push(`I1 ${task.path} is open although the run has ended`);
  }
  const expected =
    history.terminations > 0
      ? "canceled"
      : tasks.some((task) => task.failed)
        ? "failed"
        : "succeeded";
  if (event.state !== expected) violations.push(`I2 the run is ${event.state}, not ${expected}`);
}

function addTasks(history: History, event: Extract<JournalEvent, { kind: "tasksAdded" }>): void {
  const parent = history.tasks.get(event.parentTaskId);
  if (parent?.plan.body.kind !== "dag") {
    history.violations.push(`I2 tasks were added to what is no DAG: ${event.parentTaskId}`);
    return;
  }
  const { dag } = parent.plan.body;
  for (const { taskId, key } of event.tasks) {
    const index = dag.indexByKey.get(key);
    const plan = index === undefined ? undefined : dag.tasks[index];
    if (index === undefined || plan === undefined || history.tasks.has(taskId)) {
      history.violations.push(`I2 task "${key}" was added twice or is not in the specification`);
      continue;
    }
    const task = newTask(plan, parent, `${parent.path}/${key}`);
    parent.children.set(index, task);
    history.tasks.set(taskId, task);
  }
}

function newTask(plan: TaskPlan, parent: TaskHistory | undefined, path: string): TaskHistory {
  return {
    path,
    plan,
    parent,
    children: new Map(),
    results: 0,
    succeeded: false,
    failed: false,
    lastAttempt: undefined,
    lastEpoch: 0,
    liveAttempt: false,
    lost: 0,
  };
}
