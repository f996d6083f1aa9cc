import { fold } from "../src/domain/apply-event.ts";
import type { Command, Effect } from "../src/domain/command.ts";
import type { JournalEvent } from "../src/domain/journal-event.ts";
import type { Artifacts, Parameters } from "../src/domain/parameter-value.ts";
import { parseSpec } from "../src/domain/parse-spec.ts";
import { compilePlan, type Plan } from "../src/domain/plan.ts";
import { resolveRunParameters } from "../src/domain/resolve-run-parameters.ts";
import { type Run, requireTask, type Task } from "../src/domain/run.ts";
import { type IdSource, step } from "../src/domain/step.ts";

export function countingIds(prefix: string): IdSource {
  let last = 0;
  return { next: () => `${prefix}${++last}` };
}

export function planOf(document: object): Plan {
  return compilePlan(parseSpec([document]).spec);
}

/** A run without an engine: hands commands to the reducer and keeps what comes of them. */
export interface RunDriver {
  readonly plan: Plan;
  readonly run: Run;
  readonly journal: JournalEvent[];
  readonly effects: Effect[];
  /** Gives the events that came of it. */
  send(command: Command): JournalEvent[];
  task(path: string): Task;
  dispatch(path: string): { readonly attemptId: string; readonly epoch: number };
  succeed(path: string, parameters?: Record<string, unknown>, artifacts?: Artifacts): void;
  fail(path: string, reason?: string): void;
  /** What a second reader of the journal sees. */
  refold(): Run;
}

export const OUTCOME = {
  exitCode: 0,
  signal: 0,
  warnings: [],
  limits: [],
  startedAt: undefined,
} as const;

export function driveRun(
  document: object,
  given: Readonly<Record<string, unknown>> = {},
): RunDriver {
  const plan = planOf(document);
  const ids = countingIds("t");
  const attempts = countingIds("a");
  let now = 1_000;
  const texts = Object.entries(given).map(([name, value]) => [name, JSON.stringify(value)]);
  const first = step(
    undefined,
    plan,
    createCommand(resolveRunParameters(plan, Object.fromEntries(texts))),
    { now, ids },
  );
  const journal = [...first.events];
  const effects = [...first.effects];
  const driver: RunDriver = {
    plan,
    run: first.run,
    journal,
    effects,
    send(command) {
      now += 1;
      const result = step(first.run, plan, command, { now, ids });
      journal.push(...result.events);
      effects.push(...result.effects);
      return result.events;
    },
    task(path) {
      const found = [...first.run.tasks.values()].find((task) => task.path === path);
      return requireTask(first.run, found?.id ?? `no task at "${path}"`);
    },
    dispatch(path) {
      const token = { attemptId: attempts.next(), epoch: 1 };
      driver.send({ kind: "dispatch", taskId: driver.task(path).id, ...token, workerId: "w" });
      return token;
    },
    succeed(path, parameters = { out: "ok" }, artifacts = {}) {
      const token = driver.dispatch(path);
      driver.send({
        kind: "attemptFinished",
        taskId: driver.task(path).id,
        token,
        outcome: OUTCOME,
        result: { kind: "succeeded", parameters: jsonParameters(parameters), artifacts },
      });
    },
    fail(path, reason = "EXIT_CODE") {
      const token = driver.dispatch(path);
      driver.send({
        kind: "attemptFinished",
        taskId: driver.task(path).id,
        token,
        outcome: { ...OUTCOME, exitCode: 1 },
        result: { kind: "failed", error: { reason, message: "exit code 1" } },
      });
    },
    refold: () => fold(plan, journal),
  };
  return driver;
}

export function createCommand(parameters: Parameters): Command {
  return {
    kind: "create",
    runId: "run-1",
    namespace: "default",
    name: "a run",
    pipelineVersionId: "",
    specDigest: "d1",
    parameters,
    pipelineRoot: "minio://mlpipeline/v2/artifacts",
    createdBy: "anonymous",
    warnings: [],
  };
}

export function jsonParameters(values: Readonly<Record<string, unknown>>): Parameters {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      { kind: "json", json: JSON.stringify(value) },
    ]),
  );
}

/** The states of all tasks by path. */
export function statesOf(run: Run): Record<string, string> {
  return Object.fromEntries([...run.tasks.values()].map((task) => [task.path, task.state]));
}
