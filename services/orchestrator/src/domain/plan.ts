import { assert } from "@tidemill/errors";
import { coerceSpecJson } from "./coerce-parameter.ts";
import { type ConstantPlan, compileConstant } from "./constant-plan.ts";
import { compileExecutor, type ExecutorPlan } from "./executor-plan.ts";
import type {
  ArtifactSource,
  Component,
  Dag,
  InputArtifact,
  InputParameter,
  ParameterType,
  PipelineSpec,
  TaskOutput,
  TaskSpec,
} from "./ir.ts";
import type { TaskKind } from "./states.ts";
import { orderByDependencies } from "./topology.ts";

/**
 * A specification made ready to run: names replaced by indexes, placeholders parsed, successors
 * known. Immutable, and shared by every run of the same specification.
 */
export interface Plan {
  readonly pipelineName: string;
  readonly defaultPipelineRoot: string;
  readonly root: TaskPlan;
}

export interface TaskPlan {
  /** Position in its DAG. */
  readonly index: number;
  /** Key in its DAG; the name of the pipeline for the root. */
  readonly key: string;
  readonly displayName: string;
  readonly kind: TaskKind;
  readonly component: Component;
  readonly parameters: readonly InputParameterPlan[];
  readonly artifacts: readonly InputArtifactPlan[];
  /** Positions, without repetition. */
  readonly dependencies: readonly number[];
  readonly successors: readonly number[];
  readonly body: TaskBody;
}

export type TaskBody =
  | { readonly kind: "dag"; readonly dag: DagPlan }
  | { readonly kind: "container"; readonly executor: ExecutorPlan };

/** The tasks of one DAG component; tasks that use the same component share it. */
export interface DagPlan {
  readonly tasks: readonly TaskPlan[];
  readonly indexByKey: ReadonlyMap<string, number>;
  readonly outputParameters: readonly DagOutputPlan[];
  readonly outputArtifacts: readonly DagOutputPlan[];
}

export interface DagOutputPlan {
  readonly name: string;
  readonly producer: number;
  readonly output: string;
  /** Declared type; undefined for an artifact. */
  readonly type: ParameterType | undefined;
  /** Type that its producer declares. */
  readonly from: ParameterType | undefined;
}

/**
 * Where a value comes from: an input of the DAG, or an output of a task of it; `type` is what is
 * declared there, undefined for an artifact.
 */
export type SourcePlan = { readonly type: ParameterType | undefined } & (
  | { readonly kind: "componentInput"; readonly name: string }
  | { readonly kind: "taskOutput"; readonly producer: number; readonly output: string }
);

export interface InputParameterPlan {
  readonly name: string;
  /** What the component declares; undefined for the hidden inputs that f-strings refer to. */
  readonly input: InputParameter | undefined;
  readonly source: SourcePlan | ({ readonly kind: "constant" } & ConstantPlan);
}

export interface InputArtifactPlan {
  readonly name: string;
  readonly input: InputArtifact;
  readonly source: SourcePlan;
}

/** Prepares a specification that has passed checkSpec. */
export function compilePlan(spec: PipelineSpec): Plan {
  const bodies: Bodies = new Map();
  const root: TaskPlan = {
    index: 0,
    key: spec.name,
    displayName: spec.displayName || spec.name,
    kind: "root",
    component: spec.root,
    parameters: [],
    artifacts: [],
    dependencies: [],
    successors: [],
    body: compileBody(spec, spec.root, bodies),
  };
  return { pipelineName: spec.name, defaultPipelineRoot: spec.defaultPipelineRoot, root };
}

/** Bodies already compiled, by component. */
type Bodies = Map<Component, TaskBody>;

function compileBody(spec: PipelineSpec, component: Component, bodies: Bodies): TaskBody {
  const known = bodies.get(component);
  if (known !== undefined) return known;
  let body: TaskBody;
  if (component.body.kind === "executor") {
    const executor = spec.executors.get(component.body.executor);
    assert(executor !== undefined, `component "${component.name}" has an unchecked executor`);
    body = { kind: "container", executor: compileExecutor(executor, component) };
  } else {
    body = { kind: "dag", dag: compileDag(spec, component, component.body.dag, bodies) };
  }
  bodies.set(component, body);
  return body;
}

function compileDag(spec: PipelineSpec, component: Component, dag: Dag, bodies: Bodies): DagPlan {
  const indexByKey = new Map<string, number>();
  for (const key of dag.tasks.keys()) indexByKey.set(key, indexByKey.size);
  const specs = [...dag.tasks.values()];
  const dependencies = specs.map((task) => dependenciesOf(task, indexByKey));
  const successors: number[][] = specs.map(() => []);
  for (const [index, before] of dependencies.entries()) {
    for (const dependency of before) successors[dependency]?.push(index);
  }
  const tasks = specs.map((task, index) =>
    compileTask(spec, task, {
      index,
      parent: component,
      dag,
      indexByKey,
      dependencies: dependencies[index] ?? [],
      successors: successors[index] ?? [],
      bodies,
    }),
  );
  const outputs = (from: ReadonlyMap<string, TaskOutput>): DagOutputPlan[] =>
    [...from].map(([name, { producer, output }]) => ({
      name,
      producer: indexOf(producer, indexByKey),
      output,
      type: component.outputs.parameters.get(name)?.type,
      from: outputType(spec, dag, { producer, output }),
    }));
  return {
    tasks,
    indexByKey,
    outputParameters: outputs(dag.outputParameters),
    outputArtifacts: outputs(dag.outputArtifacts),
  };
}

interface TaskPlace {
  readonly index: number;
  readonly parent: Component;
  readonly dag: Dag;
  readonly indexByKey: ReadonlyMap<string, number>;
  readonly dependencies: readonly number[];
  readonly successors: readonly number[];
  readonly bodies: Bodies;
}

function compileTask(spec: PipelineSpec, task: TaskSpec, place: TaskPlace): TaskPlan {
  const component = spec.components.get(task.component);
  assert(component !== undefined, `task "${task.key}" has an unchecked component`);
  const parameters = [...task.parameters].map(([name, source]): InputParameterPlan => {
    const input = component.inputs.parameters.get(name);
    if (source.kind === "constant") {
      const json = isNumber(input) ? coerceSpecJson(source.json, input.type) : undefined;
      const constant = compileConstant(json ?? source.json);
      return { name, input, source: { kind: "constant", ...constant } };
    }
    const type =
      source.kind === "componentInput"
        ? place.parent.inputs.parameters.get(source.name)?.type
        : outputType(spec, place.dag, source);
    return { name, input, source: compileSource(source, place.indexByKey, type) };
  });
  const artifacts = [...task.artifacts].map(([name, source]): InputArtifactPlan => {
    const input = component.inputs.artifacts.get(name);
    assert(input !== undefined, `task "${task.key}" has an unchecked artifact "${name}"`);
    return { name, input, source: compileSource(source, place.indexByKey, undefined) };
  });
  const body = compileBody(spec, component, place.bodies);
  return {
    index: place.index,
    key: task.key,
    displayName: task.displayName,
    kind: body.kind,
    component,
    parameters: inOrderOfReference(parameters),
    artifacts,
    dependencies: place.dependencies,
    successors: place.successors,
    body,
  };
}

function isNumber(input: InputParameter | undefined): input is InputParameter {
  return input?.type === "NUMBER_DOUBLE" || input?.type === "NUMBER_INTEGER";
}

function compileSource(
  source: ArtifactSource,
  indexByKey: ReadonlyMap<string, number>,
  type: ParameterType | undefined,
): SourcePlan {
  if (source.kind === "componentInput") return { ...source, type };
  return {
    kind: "taskOutput",
    type,
    producer: indexOf(source.producer, indexByKey),
    output: source.output,
  };
}

function outputType(
  spec: PipelineSpec,
  dag: Dag,
  { producer, output }: TaskOutput,
): ParameterType | undefined {
  const component = spec.components.get(dag.tasks.get(producer)?.component ?? "");
  return component?.outputs.parameters.get(output)?.type;
}

function dependenciesOf(task: TaskSpec, indexByKey: ReadonlyMap<string, number>): number[] {
  const found = new Set<number>();
  for (const key of task.dependentTasks) found.add(indexOf(key, indexByKey));
  for (const source of task.parameters.values()) {
    if (source.kind === "taskOutput") found.add(indexOf(source.producer, indexByKey));
  }
  for (const source of task.artifacts.values()) {
    if (source.kind === "taskOutput") found.add(indexOf(source.producer, indexByKey));
  }
  return [...found];
}

function indexOf(key: string, indexByKey: ReadonlyMap<string, number>): number {
  const index = indexByKey.get(key);
  assert(index !== undefined, `unchecked reference to task "${key}"`);
  return index;
}

/** Constants after the inputs that they mention; checkSpec has made sure that there is an order. */
function inOrderOfReference(
  parameters: readonly InputParameterPlan[],
): readonly InputParameterPlan[] {
  const references = parameters.map(({ source }) =>
    source.kind === "constant" ? source.references : [],
  );
  if (references.every((names) => names.length === 0)) return parameters;
  const indexByName = new Map(parameters.map(({ name }, index) => [name, index]));
  const sorted = orderByDependencies(
    references.map((names) => names.flatMap((name) => indexByName.get(name) ?? [])),
  );
  assert("order" in sorted, "unchecked cycle of placeholders");
  return sorted.order.flatMap((index) => parameters[index] ?? []);
}
