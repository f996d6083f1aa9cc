import { assert } from "@tidemill/errors";
import { applyEvent } from "./apply-event.ts";
import { collectContainerOutputs, collectDagOutputs } from "./collect-outputs.ts";
import type { AttemptToken, Command, Effect } from "./command.ts";
import type { JournalEvent, TaskError } from "./journal-event.ts";
import type { Plan } from "./plan.ts";
import { checkAttempt } from "./plan-attempt.ts";
import { resolveInputs } from "./resolve-inputs.ts";
import {
  ATTEMPTS_LOST_MAX,
  type Attempt,
  ENGINE_VERSION,
  liveAttempt,
  nameOf,
  type Run,
  type Task,
  WORKER_STOPPED,
} from "./run.ts";
import { isFinalRun, isFinalTask } from "./states.ts";
import { TaskFault } from "./task-fault.ts";

/** Where new ids come from. */
export interface IdSource {
  next(): string;
}

export interface StepEnvironment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly ids: IdSource;
}

export interface StepResult {
  /** The run that was passed in, changed in place. */
  readonly run: Run;
  /** What happened; empty for a command that is stale, repeated or without meaning now. */
  readonly events: JournalEvent[];
  /** What is to be done once the events are committed. */
  readonly effects: Effect[];
}

/**
 * Takes a command to its last consequence: a task that succeeds queues its successors, ends its
 * DAG, ends the run, all in one call. Same arguments, same result. A command that does not apply
 * (a stale token, a repeated report, a task that is final) changes nothing and gives no events.
 */
export function step(
  run: Run | undefined,
  plan: Plan,
  command: Command,
  env: StepEnvironment,
): StepResult {
  if (command.kind === "create") {
    if (run !== undefined) return { run, events: [], effects: [] };
    return createRun(plan, command, env);
  }
  assert(run !== undefined, `a run begins with create, not ${command.kind}`);
  const work: Work = { run, plan, env, events: [], effects: [], agenda: [], agendaAt: 0 };
  if (!isFinalRun(run.state)) {
    decide(work, command);
    settle(work);
  }
  return { run, events: work.events, effects: work.effects };
}

/** What must be going on for a run as it is: to be done again when another owner takes it over. */
export function effectsOf(run: Run): Effect[] {
  if (isFinalRun(run.state)) return [{ kind: "runEnded" }];
  const effects: Effect[] = [];
  for (const task of run.tasks.values()) {
    const attempt = liveAttempt(task);
    if (task.kind === "container" && task.state === "queued") {
      effects.push({ kind: "dispatchable", taskId: task.id });
    } else if (attempt !== undefined && run.state === "canceling") {
      effects.push(stopEffect(task, attempt));
    }
  }
  return effects;
}

interface Work {
  readonly run: Run;
  readonly plan: Plan;
  readonly env: StepEnvironment;
  readonly events: JournalEvent[];
  readonly effects: Effect[];
  /** Tasks to look at again: pending ones that may go on, final ones whose end has consequences. */
  readonly agenda: Task[];
  agendaAt: number;
}

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;
type WithoutTime<Event> = Event extends unknown ? Omit<Event, "at"> : never;

function emit(work: Work, event: WithoutTime<JournalEvent>): void {
  const timed: JournalEvent = { at: work.env.now, ...event };
  applyEvent(work.run, work.plan, timed);
  work.events.push(timed);
}

function createRun(plan: Plan, command: CommandOf<"create">, env: StepEnvironment): StepResult {
  const { kind: _, ...facts } = command;
  const created: JournalEvent = {
    ...facts,
    kind: "runCreated",
    at: env.now,
    rootTaskId: env.ids.next(),
    engineVersion: ENGINE_VERSION,
  };
  const run = applyEvent(undefined, plan, created);
  const work: Work = { run, plan, env, events: [created], effects: [], agenda: [], agendaAt: 0 };
  emit(work, { kind: "runStarted" });
  emit(work, {
    kind: "taskQueued",
    taskId: run.root.id,
    parameters: command.parameters,
    artifacts: {},
  });
  startDag(work, run.root);
  settle(work);
  return { run, events: work.events, effects: work.effects };
}

function decide(work: Work, command: Exclude<Command, { kind: "create" }>): void {
  if (command.kind === "terminate") {
    terminate(work, command.by);
    return;
  }
  const task = work.run.tasks.get(command.taskId);
  if (task === undefined) return;
  switch (command.kind) {
    case "dispatch":
      dispatch(work, task, command);
      return;
    case "attemptStarted":
      if (currentAttempt(task, command.token)?.state !== "dispatched") return;
      emit(work, {
        kind: "attemptStarted",
        taskId: task.id,
        attemptId: command.token.attemptId,
        warnings: command.warnings,
        limits: command.limits,
      });
      return;
    case "attemptFinished":
      if (currentAttempt(task, command.token) !== undefined) finishAttempt(work, task, command);
      return;
    case "attemptLost":
      if (currentAttempt(task, command.token) === undefined) return;
      loseAttempt(work, task, command.token.attemptId, command.error);
  }
}

/** The attempt of a token, as long as a report about it can count. */
function currentAttempt(task: Task, token: AttemptToken): Attempt | undefined {
  const attempt = liveAttempt(task);
  return attempt?.id === token.attemptId && attempt.epoch === token.epoch ? attempt : undefined;
}

function dispatch(work: Work, task: Task, command: CommandOf<"dispatch">): void {
  if (task.kind !== "container" || task.state !== "queued" || work.run.state !== "running") return;
  emit(work, {
    kind: "attemptDispatched",
    taskId: task.id,
    attemptId: command.attemptId,
    number: task.attempts.length + 1,
    epoch: command.epoch,
    workerId: command.workerId,
  });
}

function finishAttempt(work: Work, task: Task, command: CommandOf<"attemptFinished">): void {
  const { result, outcome } = command;
  const { attemptId } = command.token;
  const about = { taskId: task.id, attemptId, outcome };
  switch (result.kind) {
    case "succeeded":
      succeedTask(work, task, () => collectContainerOutputs(task, result), about);
      return;
    case "failed":
      emit(work, { kind: "taskFailed", ...about, error: result.error });
      work.agenda.push(task);
      return;
    case "canceled":
      if (work.run.state === "canceling") {
        emit(work, { kind: "taskCanceled", ...about });
        work.agenda.push(task);
        return;
      }
      // Nobody asked for that: its worker was stopped, which is no fault of the task.
      loseAttempt(work, task, attemptId, {
        reason: WORKER_STOPPED,
        message: "its worker stopped it",
      });
  }
}

/** Records success, or failure when the outputs are not what was declared. */
function succeedTask(
  work: Work,
  task: Task,
  collect: () => ReturnType<typeof collectContainerOutputs>,
  about: Pick<Extract<JournalEvent, { kind: "taskSucceeded" }>, "attemptId" | "outcome" | "taskId">,
): void {
  let collected: ReturnType<typeof collectContainerOutputs>;
  try {
    collected = collect();
  } catch (error) {
    if (!(error instanceof TaskFault)) throw error;
    emit(work, { kind: "taskFailed", ...about, error: error.toTaskError() });
    work.agenda.push(task);
    return;
  }
  emit(work, { kind: "taskSucceeded", ...about, ...collected });
  work.agenda.push(task);
}

function loseAttempt(work: Work, task: Task, attemptId: string, error: TaskError): void {
  emit(work, { kind: "attemptLost", taskId: task.id, attemptId, error });
  if (work.run.state === "canceling") {
    emit(work, { kind: "taskCanceled", taskId: task.id });
    work.agenda.push(task);
  } else if (task.attemptsLost > ATTEMPTS_LOST_MAX) {
    emit(work, {
      kind: "taskFailed",
      taskId: task.id,
      error: {
        reason: "LOST",
        message:
          `its worker went away ${task.attemptsLost} times, more than the ${ATTEMPTS_LOST_MAX} ` +
          `after which a task is run again (ATTEMPTS_LOST_MAX); the last time: ${error.message}`,
      },
    });
    work.agenda.push(task);
  } else {
    work.effects.push({ kind: "dispatchable", taskId: task.id });
  }
}

function terminate(work: Work, by: string): void {
  const { run } = work;
  if (run.state === "canceling") return;
  emit(work, { kind: "terminationRequested", by });
  for (const task of run.tasks.values()) {
    if (isFinalTask(task.state)) continue;
    const attempt = liveAttempt(task);
    if (attempt !== undefined) {
      work.effects.push(stopEffect(task, attempt));
    } else if (task.kind === "container" || task.state === "pending") {
      emit(work, { kind: "taskCanceled", taskId: task.id });
      work.agenda.push(task);
    }
  }
}

function stopEffect(task: Task, attempt: Attempt): Effect {
  return {
    kind: "stopAttempt",
    taskId: task.id,
    attemptId: attempt.id,
    workerId: attempt.workerId,
  };
}

function settle(work: Work): void {
  for (;;) {
    const task = work.agenda[work.agendaAt];
    if (task === undefined) return;
    work.agendaAt += 1;
    if (isFinalTask(task.state)) followEnd(work, task);
    else if (task.state === "pending" && task.waitingFor === 0) activate(work, task);
  }
}

/** What the end of a task means for those after it and for the DAG around it. */
function followEnd(work: Work, task: Task): void {
  const { parent } = task;
  if (parent === undefined) {
    finishRun(work, task);
    return;
  }
  if (work.run.state !== "canceling") {
    for (const index of task.plan.successors) {
      const successor = parent.children[index];
      if (successor?.state !== "pending") continue;
      if (task.state === "succeeded") {
        if (successor.waitingFor === 0) work.agenda.push(successor);
      } else {
        emit(work, { kind: "taskOmitted", taskId: successor.id, error: omission(task) });
        work.agenda.push(successor);
      }
    }
  }
  if (parent.childrenOpen === 0 && parent.state === "running") finishDag(work, parent);
}

function omission(cause: Task): TaskError {
  if (cause.state === "omitted" && cause.error !== undefined) return cause.error;
  return {
    reason: "UPSTREAM_FAILED",
    message: `it depends on ${nameOf(cause)}, which failed`,
  };
}

function activate(work: Work, task: Task): void {
  let inputs: ReturnType<typeof resolveInputs>;
  try {
    inputs = resolveInputs(work.run, task);
    checkAttempt(work.run, task, inputs);
  } catch (error) {
    if (!(error instanceof TaskFault)) throw error;
    emit(work, { kind: "taskFailed", taskId: task.id, error: error.toTaskError() });
    work.agenda.push(task);
    return;
  }
  emit(work, { kind: "taskQueued", taskId: task.id, ...inputs });
  if (task.kind === "container") work.effects.push({ kind: "dispatchable", taskId: task.id });
  else startDag(work, task);
}

function startDag(work: Work, task: Task): void {
  const { body } = task.plan;
  assert(body.kind === "dag", `task "${task.path}" has no tasks within`);
  emit(work, { kind: "dagStarted", taskId: task.id });
  emit(work, {
    kind: "tasksAdded",
    parentTaskId: task.id,
    tasks: body.dag.tasks.map(({ key, kind }) => ({ taskId: work.env.ids.next(), key, kind })),
  });
  for (const child of task.children) if (child.waitingFor === 0) work.agenda.push(child);
  if (task.children.length === 0) finishDag(work, task);
}

function finishDag(work: Work, task: Task): void {
  const { body } = task.plan;
  assert(body.kind === "dag", `task "${task.path}" has no tasks within`);
  if (work.run.state === "canceling") {
    emit(work, { kind: "taskCanceled", taskId: task.id });
    work.agenda.push(task);
  } else if (task.childFailed !== undefined) {
    emit(work, { kind: "taskFailed", taskId: task.id, error: failureOf(task.childFailed) });
    work.agenda.push(task);
  } else {
    succeedTask(work, task, () => collectDagOutputs(body.dag, task), { taskId: task.id });
  }
}

/** The failure of a DAG names the task where it began, however deep that is. */
function failureOf(child: Task): TaskError {
  if (child.childFailed !== undefined && child.error !== undefined) return child.error;
  return {
    reason: "TASK_FAILED",
    message: `${nameOf(child)} failed: ${child.error?.message ?? "no reason was given"}`,
  };
}

function finishRun(work: Work, root: Task): void {
  const { run } = work;
  const parameters = root.outputParameters;
  const artifacts = root.outputArtifacts;
  if (run.state === "canceling") {
    const message = `terminated by ${run.terminatedBy ?? "nobody"}`;
    emit(work, {
      kind: "runFinished",
      state: "canceled",
      error: { reason: "CANCELED", message },
      parameters,
      artifacts,
    });
  } else if (root.state === "succeeded") {
    emit(work, { kind: "runFinished", state: "succeeded", parameters, artifacts });
  } else {
    const error = root.error ?? { reason: "TASK_FAILED", message: "the pipeline failed" };
    emit(work, { kind: "runFinished", state: "failed", error, parameters, artifacts });
  }
  work.effects.push({ kind: "runEnded" });
}
