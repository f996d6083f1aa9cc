import { checkExecutors } from "./check-executors.ts";
import { checkFit, checkLength, checkTask, type DagScope } from "./check-task.ts";
import type { Component, Dag, PipelineSpec, TaskOutput } from "./ir.ts";
import { DAG_DEPTH_MAX, PROBLEMS_MAX, SHARED_TEXT_LENGTH_MAX, TASKS_MAX } from "./limits.ts";
import { nameTasks } from "./name-tasks.ts";
import { parseTemplate } from "./placeholders.ts";
import {
  type PathSegments,
  type Report,
  SpecError,
  type SpecProblem,
  UnsupportedSpecError,
} from "./spec-error.ts";
import type { Reading } from "./spec-reader.ts";
import { orderByDependencies } from "./topology.ts";

/**
 * Checks what one part of a specification says about another: after it, every reference leads
 * somewhere, every required input has a source of a fitting type, and nothing is circular. Throws
 * SpecError with all problems found, UnsupportedSpecError for placeholders that cannot work.
 */
export function checkSpec(spec: PipelineSpec, base: PathSegments, reading: Reading): void {
  const problems: SpecProblem[] = [];
  const report: Report = (reason, path, problem) => {
    if (problems.length < PROBLEMS_MAX) problems.push({ reason, path, problem });
  };
  const components: (readonly [Component, PathSegments])[] = [[spec.root, [...base, "root"]]];
  for (const [name, component] of spec.components) {
    components.push([component, [...base, "components", name]]);
  }
  if (spec.root.body.kind === "executor") {
    report(
      "SPEC_INVALID",
      [...base, "root"],
      'must have a "dag": the pipeline itself runs nothing',
    );
  } else if (spec.root.body.dag.tasks.size === 0) {
    report("SPEC_INVALID", [...base, "root", "dag", "tasks"], "a pipeline needs at least one task");
  }
  checkRootInputs(spec, base, report);
  for (const [component, path] of components) checkComponent(spec, component, path, report);
  checkShared(spec, base, report);
  throwProblems(problems);
  checkNesting(spec, base, report);
  throwProblems(problems);
  for (const [component, path] of components) {
    checkDefaults(component, path, { report, reading });
    if (component.body.kind !== "dag") continue;
    checkDag(spec, component, component.body.dag, [...path, "dag"], { report, reading });
  }
  checkExecutors(spec, base, { report, reading });
  refuseUnsupported(spec, reading);
  throwProblems(problems);
}

/** Throws UnsupportedSpecError when something was found that KFP can do and Tidemill cannot. */
export function refuseUnsupported(spec: PipelineSpec, reading: Reading): void {
  // Looking for the tasks takes a while in a large file, and only a few uses are named at all.
  const [first, ...more] = reading.unsupported.map((use, index) =>
    index < PROBLEMS_MAX ? nameTasks(spec, use) : use,
  );
  if (first !== undefined) throw new UnsupportedSpecError([first, ...more]);
}

function throwProblems(problems: readonly SpecProblem[]): void {
  const [first, ...more] = problems;
  if (first !== undefined) throw new SpecError(first.reason, first.path, first.problem, more);
}

function checkRootInputs(spec: PipelineSpec, base: PathSegments, report: Report): void {
  for (const [name, { optional }] of spec.root.inputs.artifacts) {
    if (optional) continue;
    const path = [...base, "root", "inputDefinitions", "artifacts", name];
    report("SPEC_INVALID", path, "a pipeline cannot take artifacts, as nothing could give them");
  }
}

/** Defaults are never searched for placeholders, so one that means something to KFP is refused. */
function checkDefaults(
  component: Component,
  path: PathSegments,
  { report, reading }: Pick<DagScope, "report" | "reading">,
): void {
  for (const [name, { defaultJson = "" }] of component.inputs.parameters) {
    const where = [...path, "inputDefinitions", "parameters", name, "defaultValue"];
    checkLength(defaultJson, where, report);
    if (!defaultJson.includes("{{$")) continue;
    for (const { feature } of parseTemplate(defaultJson).unsupported) {
      reading.unsupported.push({ path: where, feature });
    }
  }
}

/** References to components and executors; everything else is checked once these hold. */
function checkComponent(
  spec: PipelineSpec,
  component: Component,
  path: PathSegments,
  report: Report,
): void {
  if (component.body.kind === "executor") {
    const { executor } = component.body;
    if (spec.executors.has(executor)) return;
    const where = [...path, "executorLabel"];
    report("UNKNOWN_EXECUTOR", where, `there is no executor "${executor}" in deploymentSpec`);
    return;
  }
  for (const task of component.body.dag.tasks.values()) {
    if (spec.components.has(task.component)) continue;
    const where = [...path, "dag", "tasks", task.key, "componentRef", "name"];
    report("UNKNOWN_COMPONENT", where, `there is no component "${task.component}"`);
  }
}

function checkShared(spec: PipelineSpec, base: PathSegments, report: Report): void {
  const lengths = new Map<string, number>();
  let shared = 0;
  for (const { body } of spec.components.values()) {
    if (body.kind !== "executor") continue;
    const known = lengths.get(body.executor);
    shared += known ?? 0;
    if (known !== undefined) continue;
    const { command = [], args = [], env = [] } = spec.executors.get(body.executor) ?? {};
    const texts = [...command, ...args, ...env.map(({ value }) => value)];
    lengths.set(
      body.executor,
      texts.reduce((sum, text) => sum + text.length, 0),
    );
  }
  if (shared <= SHARED_TEXT_LENGTH_MAX) return;
  const found = `components that share executors use ${shared} characters of them together`;
  const allowed = `more than the ${SHARED_TEXT_LENGTH_MAX} allowed (SHARED_TEXT_LENGTH_MAX)`;
  report("LIMIT_EXCEEDED", [...base, "components"], `${found}, ${allowed}`);
}

/** Refuses pipelines that contain themselves, that are too deep, or too large when unfolded. */
function checkNesting(spec: PipelineSpec, base: PathSegments, report: Report): void {
  const components = [spec.root, ...spec.components.values()];
  const indexByName = new Map([...spec.components.keys()].map((name, index) => [name, index + 1]));
  const uses = components.map((component) =>
    component.body.kind === "executor"
      ? []
      : [...component.body.dag.tasks.values()].map((task) => indexByName.get(task.component) ?? 0),
  );
  const sorted = orderByDependencies(uses);
  if ("cycle" in sorted) {
    const names = sorted.cycle.map((index) => components[index]?.name ?? "");
    const path = [...base, "components", names[0] ?? ""];
    report("CYCLE", path, `contains itself: ${describeCycle(names)}`);
    return;
  }
  const tasks: number[] = [];
  const depths: number[] = [];
  for (const index of sorted.order) {
    let count = 0;
    let depth = 0;
    for (const used of uses[index] ?? []) {
      count += 1 + (tasks[used] ?? 0);
      depth = Math.max(depth, (depths[used] ?? 0) + 1);
    }
    tasks[index] = count;
    depths[index] = depth;
  }
  const [total = 0] = tasks;
  const [depth = 0] = depths;
  const root = [...base, "root"];
  if (total > TASKS_MAX) {
    const found = `a run of it would have ${total} tasks, more than the ${TASKS_MAX} allowed`;
    report("LIMIT_EXCEEDED", root, `${found} (TASKS_MAX)`);
  }
  if (depth > DAG_DEPTH_MAX) {
    const found = `its pipelines are nested ${depth} deep, more than the ${DAG_DEPTH_MAX} allowed`;
    report("LIMIT_EXCEEDED", root, `${found} (DAG_DEPTH_MAX)`);
  }
}

function checkDag(
  spec: PipelineSpec,
  component: Component,
  dag: Dag,
  path: PathSegments,
  { report, reading }: { readonly report: Report; readonly reading: Reading },
): void {
  const scope: DagScope = { spec, component, dag, report, reading };
  const keys = [...dag.tasks.keys()];
  const indexByKey = new Map(keys.map((key, index) => [key, index]));
  const dependencies: number[][] = [];
  for (const task of dag.tasks.values()) {
    const producers = checkTask(scope, task, [...path, "tasks", task.key]);
    dependencies.push([...producers].flatMap((key) => indexByKey.get(key) ?? []));
  }
  const sorted = orderByDependencies(dependencies);
  if ("cycle" in sorted) {
    const names = sorted.cycle.map((index) => keys[index] ?? "");
    const chain = `${describeCycle(names)} (each depends on the next)`;
    report("CYCLE", [...path, "tasks", names[0] ?? ""], `depends on itself: ${chain}`);
  }
  checkOutputs(scope, path);
}

function checkOutputs({ spec, component, dag, report }: DagScope, path: PathSegments): void {
  const check = (
    kind: "parameters" | "artifacts",
    name: string,
    { producer, output }: TaskOutput,
  ): void => {
    const where = [...path, "outputs", kind, name];
    const task = dag.tasks.get(producer);
    const what = kind === "parameters" ? "parameter" : "artifact";
    if (!component.outputs[kind].has(name)) {
      report(
        "UNKNOWN_OUTPUT",
        where,
        `output ${what} "${name}" is not among the outputDefinitions`,
      );
    } else if (task === undefined) {
      report("UNKNOWN_TASK", where, `there is no task "${producer}" in this DAG`);
    } else if (!spec.components.get(task.component)?.outputs[kind].has(output)) {
      report("UNKNOWN_OUTPUT", where, `task "${producer}" has no output ${what} "${output}"`);
    } else if (kind === "parameters") {
      const from = spec.components.get(task.component)?.outputs.parameters.get(output)?.type;
      checkFit(from, component.outputs.parameters.get(name)?.type, where, report);
    }
  };
  for (const [name, source] of dag.outputParameters) check("parameters", name, source);
  for (const [name, source] of dag.outputArtifacts) check("artifacts", name, source);
}

const CYCLE_NAMED_MAX = 20;

function describeCycle(names: readonly string[]): string {
  if (names.length <= CYCLE_NAMED_MAX) return names.join(" -> ");
  const start = names.slice(0, CYCLE_NAMED_MAX - 1).join(" -> ");
  return `${start} -> ... -> ${names.at(-1)} (${names.length - 1} in all)`;
}
