import fc from "fast-check";
import type { Command } from "../src/domain/command.ts";
import { checkJournal, checkRows } from "../src/domain/invariants.ts";
import { liveAttempt, type Run, type Task } from "../src/domain/run.ts";
import { viewRun } from "../src/domain/run-view.ts";
import { isFinalRun } from "../src/domain/states.ts";
import { effectsOf } from "../src/domain/step.ts";
import { parameter, pipelineDocument, type TaskDraft, tasksOf } from "./pipeline-builder.ts";
import { driveRun, jsonParameters, OUTCOME, type RunDriver } from "./run-driver.ts";

/** A task of a random DAG: what it depends on, among the tasks before it, and what is within. */
export interface RandomTask {
  readonly data: number | undefined;
  readonly after: readonly number[];
  readonly inner: readonly RandomTask[] | undefined;
}

const LEVELS = 3;

/** DAGs of up to `tasksMax` tasks a level, some of whose tasks are pipelines of their own. */
export function randomDag(tasksMax: number, level: number = LEVELS): fc.Arbitrary<RandomTask[]> {
  const dependency = fc.nat(tasksMax * 2);
  const task: fc.Arbitrary<RandomTask> = fc.record({
    data: fc.option(dependency, { nil: undefined }),
    after: fc.array(dependency, { maxLength: 3 }),
    inner:
      level <= 1
        ? fc.constant(undefined)
        : fc.option(randomDag(Math.ceil(tasksMax / 3), level - 1), { nil: undefined, freq: 8 }),
  });
  return fc.array(task, { minLength: level === LEVELS ? 1 : 0, maxLength: tasksMax });
}

/** The document of a random DAG; every task, a nested pipeline too, gives an output `out`. */
export function documentOf(dag: readonly RandomTask[]): object {
  const components: Record<string, object> = {};
  const tasks = draftsOf(dag, components, "n");
  return pipelineDocument({ tasks, components });
}

function draftsOf(
  dag: readonly RandomTask[],
  components: Record<string, object>,
  prefix: string,
): Record<string, TaskDraft> {
  const drafts: Record<string, TaskDraft> = {};
  for (const [index, task] of dag.entries()) {
    // An index past the tasks before this one stands for no dependency.
    const before = (other: number): string[] => (other < index ? [`t${other}`] : []);
    const [source] = task.data === undefined ? [] : before(task.data);
    const name = `${prefix}-${index}`;
    const gives = source !== undefined && hasOutput(dag[task.data ?? 0]);
    drafts[`t${index}`] = {
      ...(task.inner === undefined ? {} : { component: name }),
      parameters: gives
        ? { x: { taskOutputParameter: { producerTask: source, outputParameterKey: "out" } } }
        : {},
      after: [...task.after.flatMap(before), ...(source === undefined ? [] : [source])],
    };
    if (task.inner !== undefined) components[name] = innerComponent(task.inner, components, name);
  }
  return drafts;
}

function hasOutput(task: RandomTask | undefined): boolean {
  return task?.inner === undefined || task.inner.some(hasOutput);
}

function innerComponent(
  inner: readonly RandomTask[],
  components: Record<string, object>,
  name: string,
): object {
  const last = inner.findLastIndex(hasOutput);
  const tasks = tasksOf(draftsOf(inner, components, name));
  const selector = { producerSubtask: `t${last}`, outputParameterKey: "out" };
  return {
    inputDefinitions: { parameters: { x: parameter("STRING", { isOptional: true }) } },
    outputDefinitions: { parameters: { out: parameter("STRING") } },
    dag: {
      tasks,
      ...(last === -1
        ? {}
        : { outputs: { parameters: { out: { valueFromParameter: selector } } } }),
    },
  };
}

export interface RandomFaults {
  readonly seed: number;
  /** Of a hundred attempts, how many fail, get lost, are reported twice or with a stale token. */
  readonly failures: number;
  readonly losses: number;
  readonly repeats: number;
  /** After how many commands the run is terminated; undefined for never. */
  readonly terminateAfter: number | undefined;
}

export const randomFaults: fc.Arbitrary<RandomFaults> = fc.record({
  seed: fc.integer(),
  failures: fc.constantFrom(0, 2, 10, 40),
  losses: fc.constantFrom(0, 5, 40, 80),
  repeats: fc.constantFrom(0, 30),
  terminateAfter: fc.option(fc.nat(150), { nil: undefined }),
});

/**
 * Runs a document to its end with faults and checks the invariants; gives the violations. What is
 * to be done next is asked of the run, as a new owner would, and compared with what the effects of
 * the commands so far have said.
 */
export function runWithFaults(document: object, faults: RandomFaults): string[] {
  const driver = driveRun(document);
  const random = seeded(faults.seed);
  const violations: string[] = [];
  const sent: Command[] = [];
  const send = (command: Command): void => {
    driver.send(command);
    sent.push(command);
  };
  let epoch = 1;
  for (let round = 0; !isFinalRun(driver.run.state); round++) {
    if (round > ROUNDS_MAX) return [...violations, "I1 the run does not end"];
    if (round === faults.terminateAfter) {
      send({ kind: "terminate", by: "test" });
      continue;
    }
    if (random(100) < faults.repeats) {
      violations.push(...repeatOne(driver, sent, random), ...reportStale(driver, random));
    }
    // Now and then another owner takes the run over.
    if (random(50) === 0) epoch += 1;
    const open = openTasks(driver.run);
    const task = open[random(open.length)];
    if (task === undefined) return [...violations, "I1 nothing is left to do and the run is open"];
    send(nextCommand(driver.run, task, { random, faults, epoch, round }));
  }
  violations.push(...checkAnnounced(driver));
  violations.push(...checkJournal(driver.plan, driver.journal));
  violations.push(...checkRows(driver.plan, driver.journal, viewRun(driver.run)));
  return violations;
}

const ROUNDS_MAX = 20_000;

type Random = (below: number) => number;

function openTasks(run: Run): Task[] {
  return [...run.tasks.values()].filter(
    (task) =>
      task.kind === "container" &&
      (liveAttempt(task) !== undefined || (task.state === "queued" && run.state === "running")),
  );
}

/** A command sent before, word for word: unless it still applies, it must change nothing. */
function repeatOne(driver: RunDriver, sent: readonly Command[], random: Random): string[] {
  const command = sent[random(sent.length)];
  if (command === undefined || command.kind === "create") return [];
  const task = command.kind === "terminate" ? undefined : driver.run.tasks.get(command.taskId);
  if ("token" in command) {
    const live = task === undefined ? undefined : liveAttempt(task);
    if (live?.id === command.token.attemptId && command.kind !== "attemptStarted") return [];
  } else if (command.kind === "dispatch" && task?.state === "queued") {
    return [];
  }
  const events = driver.send(command);
  return events.length === 0 ? [] : [`I6 a repeated ${command.kind} changed the run`];
}

/** The end of an attempt that is running, as an owner before or after this one knows it. */
function reportStale(driver: RunDriver, random: Random): string[] {
  const live = openTasks(driver.run).filter((task) => liveAttempt(task) !== undefined);
  const task = live[random(live.length)];
  const attempt = task === undefined ? undefined : liveAttempt(task);
  if (task === undefined || attempt === undefined) return [];
  const wrong = [
    { attemptId: attempt.id, epoch: attempt.epoch + 1 },
    { attemptId: "another", epoch: attempt.epoch },
  ];
  return wrong.flatMap((token) => {
    const error = { reason: "LOST", message: "killed" };
    const events = driver.send({ kind: "attemptLost", taskId: task.id, token, error });
    return events.length === 0 ? [] : ["I4 a stale report changed the run"];
  });
}

function nextCommand(
  run: Run,
  task: Task,
  {
    random,
    faults,
    epoch,
    round,
  }: { random: Random; faults: RandomFaults; epoch: number; round: number },
): Command {
  const attempt = liveAttempt(task);
  const taskId = task.id;
  if (attempt === undefined) {
    return { kind: "dispatch", taskId, attemptId: `a${round}`, epoch, workerId: `w${random(3)}` };
  }
  const token = { attemptId: attempt.id, epoch: attempt.epoch };
  if (random(100) < faults.losses) {
    return { kind: "attemptLost", taskId, token, error: { reason: "LOST", message: "killed" } };
  }
  if (attempt.state === "dispatched" && random(2) === 0) {
    return { kind: "attemptStarted", taskId, token, warnings: [], limits: ["core=0"] };
  }
  const about = { kind: "attemptFinished", taskId, token, outcome: OUTCOME } as const;
  if (random(100) < faults.failures) {
    const error = { reason: "EXIT_CODE", message: "exit code 1" };
    return { ...about, outcome: { ...OUTCOME, exitCode: 1 }, result: { kind: "failed", error } };
  }
  if (run.state === "canceling" && random(2) === 0)
    return { ...about, result: { kind: "canceled" } };
  const parameters = jsonParameters({ out: `of ${task.path}` });
  return { ...about, result: { kind: "succeeded", parameters, artifacts: {} } };
}

/** Every task that was ever queued must have been announced, or nobody would run it. */
function checkAnnounced(driver: RunDriver): string[] {
  const announced = new Set<string>();
  for (const effect of driver.effects) {
    if (effect.kind === "dispatchable") announced.add(effect.taskId);
  }
  const violations: string[] = [];
  for (const event of driver.journal) {
    if (event.kind !== "attemptDispatched" || announced.has(event.taskId)) continue;
    violations.push(`I1 task ${event.taskId} was never announced`);
  }
  const last = effectsOf(driver.run);
  if (last.length !== 1 || last[0]?.kind !== "runEnded") violations.push("I1 work after the end");
  return violations;
}

/** Numbers below a bound, the same for the same seed (mulberry32). */
function seeded(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
