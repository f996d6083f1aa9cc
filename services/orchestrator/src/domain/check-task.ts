import { coerceSpecJson, typeName } from "./coerce-parameter.ts";
import { type ConstantPlan, compileConstant } from "./constant-plan.ts";
import { excerpt } from "./excerpt.ts";
import type {
  ArtifactSource,
  Component,
  Dag,
  InputParameter,
  ParameterType,
  PipelineSpec,
  TaskSpec,
} from "./ir.ts";
import { jsonKind, sameJson } from "./json-text.ts";
import { CONSTANT_LENGTH_MAX } from "./limits.ts";
import { parseTemplate } from "./placeholders.ts";
import { type PathSegments, pathText, type Report } from "./spec-error.ts";
import { type Reading, warn } from "./spec-reader.ts";
import { orderByDependencies } from "./topology.ts";

/** The DAG around a task. */
export interface DagScope {
  readonly spec: PipelineSpec;
  readonly component: Component;
  readonly dag: Dag;
  readonly report: Report;
  readonly reading: Reading;
}

/** Checks one task against its DAG and its component; gives the keys of the tasks it waits for. */
export function checkTask(scope: DagScope, task: TaskSpec, path: PathSegments): Set<string> {
  const component = scope.spec.components.get(task.component);
  const producers = new Set<string>();
  if (component === undefined) return producers;
  for (const [index, key] of task.dependentTasks.entries()) {
    producers.add(key);
    if (scope.dag.tasks.has(key)) continue;
    const where = [...path, "dependentTasks", index];
    scope.report("UNKNOWN_TASK", where, `there is no task "${key}" in this DAG`);
  }
  checkParameters(scope, task, component, path, producers);
  checkArtifacts(scope, task, component, path, producers);
  return producers;
}

/** Inputs that the compiler adds, undeclared, for settings of a task that come from values. */
const COMPILER_INPUTS: ReadonlySet<string> = new Set([
  "base_image",
  "cpu_request",
  "cpu_limit",
  "memory_request",
  "memory_limit",
  "accelerator_type",
  "accelerator_count",
]);

function checkParameters(
  scope: DagScope,
  task: TaskSpec,
  component: Component,
  path: PathSegments,
  producers: Set<string>,
): void {
  const inputs = [...path, "inputs", "parameters"];
  const constants = new Map<string, ConstantPlan>();
  for (const [name, source] of task.parameters) {
    if (source.kind === "constant") constants.set(name, compileConstant(source.json));
  }
  const mentioned = checkReferences(scope, task, constants, inputs);
  for (const [name, source] of task.parameters) {
    const where = [...inputs, name];
    const input = component.inputs.parameters.get(name);
    if (input === undefined && !mentioned.has(name) && !COMPILER_INPUTS.has(name)) {
      const what = `component "${component.name}" has no input parameter "${name}"`;
      scope.report("UNKNOWN_INPUT", where, what);
      continue;
    }
    if (source.kind === "constant") {
      const there = [...where, "runtimeValue", "constant"];
      checkLength(source.json, there, scope.report);
      if (input !== undefined) checkConstant(scope, input, constants.get(name), there);
      checkPlaceholders(scope, source.json, there);
      continue;
    }
    const from = checkSource(scope, source, "parameters", where, producers);
    checkFit(from, input?.type, where, scope.report);
  }
  for (const [name, input] of component.inputs.parameters) {
    if (input.optional || task.parameters.has(name)) continue;
    const what = `component "${component.name}" requires the input parameter "${name}"`;
    scope.report("MISSING_INPUT", inputs, what);
  }
}

function checkArtifacts(
  scope: DagScope,
  task: TaskSpec,
  component: Component,
  path: PathSegments,
  producers: Set<string>,
): void {
  const inputs = [...path, "inputs", "artifacts"];
  for (const [name, source] of task.artifacts) {
    if (component.inputs.artifacts.has(name)) {
      checkSource(scope, source, "artifacts", [...inputs, name], producers);
      continue;
    }
    const what = `component "${component.name}" has no input artifact "${name}"`;
    scope.report("UNKNOWN_INPUT", [...inputs, name], what);
  }
  for (const [name, input] of component.inputs.artifacts) {
    if (input.optional || task.artifacts.has(name)) continue;
    const what = `component "${component.name}" requires the input artifact "${name}"`;
    scope.report("MISSING_INPUT", inputs, what);
  }
}

/** Gives the declared type of a parameter; undefined for artifacts and where something is wrong. */
function checkSource(
  { spec, component, dag, report }: DagScope,
  source: ArtifactSource,
  kind: "parameters" | "artifacts",
  path: PathSegments,
  producers: Set<string>,
): ParameterType | undefined {
  const what = kind === "parameters" ? "parameter" : "artifact";
  if (source.kind === "componentInput") {
    if (!component.inputs[kind].has(source.name)) {
      const around = component.name === "root" ? "the pipeline" : `component "${component.name}"`;
      report("UNKNOWN_INPUT", path, `${around} has no input ${what} "${source.name}"`);
    }
    return kind === "parameters" ? component.inputs.parameters.get(source.name)?.type : undefined;
  }
  producers.add(source.producer);
  const producer = dag.tasks.get(source.producer);
  if (producer === undefined) {
    report("UNKNOWN_TASK", path, `there is no task "${source.producer}" in this DAG`);
    return undefined;
  }
  const by = spec.components.get(producer.component);
  const gives =
    by?.body.kind === "dag"
      ? by.body.dag[kind === "parameters" ? "outputParameters" : "outputArtifacts"]
      : by?.outputs[kind];
  if (!gives?.has(source.output)) {
    const lacking = `task "${source.producer}" has no output ${what} "${source.output}"`;
    report("UNKNOWN_OUTPUT", path, lacking);
  }
  return kind === "parameters" ? by?.outputs.parameters.get(source.output)?.type : undefined;
}

function checkConstant(
  { report }: DagScope,
  input: InputParameter,
  constant: ConstantPlan | undefined,
  where: PathSegments,
): void {
  if (constant === undefined) return;
  const { json } = constant;
  if (constant.parts !== undefined && (input.type === "STRING" || isReference(constant))) return;
  const kind = jsonKind(json);
  if (kind === "null") {
    if (!input.optional) report("MISSING_INPUT", where, "is null, and the input is required");
    return;
  }
  if (coerceSpecJson(json, input.type) === undefined) {
    const what = `must be ${typeName(input.type)}, got ${excerpt(json)}`;
    report("WRONG_TYPE", where, what);
  } else if (constant.parts === undefined && !isAllowedJson(input, json)) {
    const what = `must be one of ${input.literals.join(", ")}, got ${excerpt(json)}`;
    report("NOT_ALLOWED", where, what);
  }
}

function isAllowedJson(input: InputParameter, json: string): boolean {
  const coerced = coerceSpecJson(json, input.type);
  return (
    input.literals.length === 0 ||
    (coerced !== undefined && input.literals.some((literal) => sameJson(literal, coerced)))
  );
}

/** Whether a constant is one placeholder of an input and nothing else: then it has its type. */
function isReference({ parts }: ConstantPlan): boolean {
  const [part] = parts ?? [];
  return (
    parts?.length === 1 &&
    part?.kind === "string" &&
    part.template.length === 1 &&
    part.template[0]?.kind === "inputParameter"
  );
}

/** Gives the names that constants mention; each must be an input of the task, and none circular. */
function checkReferences(
  { report }: DagScope,
  task: TaskSpec,
  constants: ReadonlyMap<string, ConstantPlan>,
  path: PathSegments,
): ReadonlySet<string> {
  const mentioned = new Set<string>();
  for (const [name, { references }] of constants) {
    for (const reference of references) {
      mentioned.add(reference);
      if (task.parameters.has(reference)) continue;
      const what = `its placeholder names the input "${reference}", which the task does not have`;
      report("UNKNOWN_INPUT", [...path, name, "runtimeValue", "constant"], what);
    }
  }
  if (mentioned.size === 0) return mentioned;
  const names = [...task.parameters.keys()];
  const indexByName = new Map(names.map((name, index) => [name, index]));
  const sorted = orderByDependencies(
    names.map((name) =>
      (constants.get(name)?.references ?? []).flatMap((other) => indexByName.get(other) ?? []),
    ),
  );
  if ("cycle" in sorted) {
    const cycle = sorted.cycle.map((index) => names[index]);
    const what = `its placeholders lead back to it: ${cycle.slice(0, 20).join(" -> ")}`;
    report("CYCLE", [...path, cycle[0] ?? ""], what);
  }
  return mentioned;
}

/** Refuses placeholders of a constant that have no value before the task runs. */
function checkPlaceholders(scope: DagScope, json: string, path: PathSegments): void {
  if (!json.includes("{{$")) return;
  // The escapes of JSON stand in names at most, where they do no harm to this check.
  const { unsupported, unknown } = parseTemplate(json);
  for (const { feature } of unsupported) scope.reading.unsupported.push({ path, feature });
  for (const placeholder of unknown) warnUnknown(scope.reading, path, placeholder);
  for (const part of compileConstant(json).parts ?? []) {
    if (part.kind === "json") continue;
    for (const piece of part.template) {
      if (["literal", "inputParameter", "job"].includes(piece.kind)) continue;
      const what =
        "a placeholder of artifacts or files can stand in commands alone, not in a value";
      scope.report("PLACEHOLDER_NOT_HERE", path, what);
    }
  }
}

/** What begins like a placeholder and is none stays as it is, as on a cluster: worth a warning. */
export function warnUnknown(reading: Reading, path: PathSegments, placeholder: string): void {
  warn(
    reading,
    "UNKNOWN_PLACEHOLDER",
    `${pathText(path)}: ${excerpt(placeholder)} is no placeholder of KFP and stays as it is`,
  );
}

/** A constant is written to the journal for every task that gets it. */
export function checkLength(json: string, path: PathSegments, report: Report): void {
  if (json.length <= CONSTANT_LENGTH_MAX) return;
  const found = `has ${json.length} characters, more than the ${CONSTANT_LENGTH_MAX} allowed`;
  const advice = "pass it as a parameter of the run or as an artifact";
  report("LIMIT_EXCEEDED", path, `${found} (CONSTANT_LENGTH_MAX); ${advice}`);
}

/** Nothing is known about a type that is undefined. */
export function checkFit(
  from: ParameterType | undefined,
  to: ParameterType | undefined,
  path: PathSegments,
  report: Report,
): void {
  if (from === undefined || to === undefined || fits(from, to)) return;
  const what = `must be ${typeName(to)}, but what it comes from is ${typeName(from)}`;
  report("WRONG_TYPE", path, what);
}

function fits(from: ParameterType, to: ParameterType): boolean {
  const numbers: readonly ParameterType[] = ["NUMBER_DOUBLE", "NUMBER_INTEGER"];
  return to === "STRING" || from === to || (numbers.includes(from) && numbers.includes(to));
}
