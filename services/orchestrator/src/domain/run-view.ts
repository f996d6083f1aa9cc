import type { TaskError, Warning } from "./journal-event.ts";
import type { Artifacts, Parameters } from "./parameter-value.ts";
import type { Run, Task } from "./run.ts";
import type { AttemptState, RunState, TaskKind, TaskState } from "./states.ts";

/** Everything of a run that can be seen from outside, as plain data: what its rows must say too. */
export interface RunView {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly pipelineVersionId: string;
  readonly specDigest: string;
  readonly state: RunState;
  readonly version: number;
  readonly parameters: Parameters;
  readonly pipelineRoot: string;
  readonly createdBy: string;
  readonly engineVersion: number;
  readonly error: TaskError | undefined;
  readonly warnings: readonly Warning[];
  readonly outputParameters: Parameters;
  readonly outputArtifacts: Artifacts;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly tasks: Readonly<Record<string, TaskView>>;
}

export interface TaskView {
  readonly parentTaskId: string;
  readonly key: string;
  readonly path: string;
  readonly kind: TaskKind;
  readonly state: TaskState;
  readonly version: number;
  readonly inputParameters: Parameters;
  readonly inputArtifacts: Artifacts;
  readonly outputParameters: Parameters;
  readonly outputArtifacts: Artifacts;
  readonly error: TaskError | undefined;
  readonly warnings: readonly Warning[];
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly attempts: readonly AttemptView[];
}

export interface AttemptView {
  readonly id: string;
  readonly number: number;
  readonly epoch: number;
  readonly workerId: string;
  readonly state: AttemptState;
  readonly exitCode: number;
  readonly signal: number;
  readonly error: TaskError | undefined;
  readonly limits: readonly string[];
  readonly dispatchedAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export function viewRun(run: Run): RunView {
  const { root: _, tasks, terminatedBy: __, ...facts } = run;
  return {
    ...facts,
    tasks: Object.fromEntries([...tasks.values()].map((task) => [task.id, viewTask(task)])),
  };
}

function viewTask(task: Task): TaskView {
  return {
    parentTaskId: task.parent?.id ?? "",
    key: task.plan.key,
    path: task.path,
    kind: task.kind,
    state: task.state,
    version: task.version,
    inputParameters: task.inputParameters,
    inputArtifacts: task.inputArtifacts,
    outputParameters: task.outputParameters,
    outputArtifacts: task.outputArtifacts,
    error: task.error,
    warnings: task.warnings,
    createdAt: task.createdAt,
    startedAt: task.startedAt,
    finishedAt: task.finishedAt,
    attempts: task.attempts.map((attempt) => ({ ...attempt })),
  };
}

/** Where two views differ, each as `path: expected ..., got ...`; empty when they are the same. */
export function differences(expected: unknown, actual: unknown, path = ""): string[] {
  if (Object.is(expected, actual)) return [];
  if (!isObject(expected) || !isObject(actual)) {
    return [`${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`];
  }
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...keys].flatMap((key) =>
    differences(expected[key], actual[key], path === "" ? key : `${path}.${key}`),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
