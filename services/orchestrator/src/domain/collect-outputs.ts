import { coerceOrFail, typeName } from "./coerce-parameter.ts";
import { excerpt } from "./excerpt.ts";
import type { ParameterType } from "./ir.ts";
import { isDeep, isJson, jsonKind } from "./json-text.ts";
import { PARAMETER_DEPTH_MAX } from "./limits.ts";
import type { Artifacts, ArtifactValue, Parameters, ParameterValue } from "./parameter-value.ts";
import type { DagPlan } from "./plan.ts";
import type { Task } from "./run.ts";
import { TaskFault } from "./task-fault.ts";

export interface CollectedOutputs {
  readonly parameters: Record<string, ParameterValue>;
  readonly artifacts: Record<string, readonly ArtifactValue[]>;
}

/**
 * What an attempt produced, held against what its component declares; what is not declared is left
 * out. Throws TaskFault when something is missing or of another type.
 */
export function collectContainerOutputs(
  task: Task,
  produced: { readonly parameters: Parameters; readonly artifacts: Artifacts },
): CollectedOutputs {
  const { outputs } = task.plan.component;
  const parameters: Record<string, ParameterValue> = {};
  for (const [name, { type }] of outputs.parameters) {
    const value = own(produced.parameters, name);
    if (value === undefined) throw missing(`output parameter "${name}"`);
    parameters[name] = checkProduced(`output parameter "${name}"`, type, value);
  }
  const artifacts: Record<string, readonly ArtifactValue[]> = {};
  for (const [name, { type }] of outputs.artifacts) {
    const values = own(produced.artifacts, name);
    if (values === undefined || values.length === 0) throw missing(`output artifact "${name}"`);
    for (const value of values) {
      checkMetadata(name, value.metadataJson);
      if (value.schemaTitle === type.schemaTitle && value.instanceSchema === type.instanceSchema) {
        continue;
      }
      throw new TaskFault(
        "OUTPUT_TYPE",
        `output artifact "${name}" must be of type "${type.schemaTitle || type.instanceSchema}", ` +
          `got "${value.schemaTitle || value.instanceSchema}"`,
      );
    }
    artifacts[name] = values;
  }
  return { parameters, artifacts };
}

/** Only a worker's word says that this is JSON at all. */
function checkProduced(what: string, type: ParameterType, value: ParameterValue): ParameterValue {
  if (value.kind === "json") {
    if (isDeep(value.json, PARAMETER_DEPTH_MAX)) throw tooDeep(what);
    if (!isJson(value.json)) {
      const found = `must be ${typeName(type)}, got ${excerpt(value.json)}`;
      throw new TaskFault("OUTPUT_TYPE", `${what} ${found}`);
    }
  }
  return coerceOrFail(value, type, type, { reason: "OUTPUT_TYPE", what });
}

function checkMetadata(name: string, json: string): void {
  if (json === "") return;
  const what = `the metadata of output artifact "${name}"`;
  if (isDeep(json, PARAMETER_DEPTH_MAX)) throw tooDeep(what);
  if (isJson(json) && jsonKind(json) === "struct") return;
  throw new TaskFault("OUTPUT_TYPE", `${what} must be a JSON object`);
}

function tooDeep(what: string): TaskFault {
  const found = `is nested deeper than ${PARAMETER_DEPTH_MAX} levels (PARAMETER_DEPTH_MAX)`;
  return new TaskFault("OUTPUT_TYPE", `${what} ${found}; write it as an artifact`);
}

/** What a DAG gives to the outside, taken from its tasks, all of which have succeeded. */
export function collectDagOutputs(dag: DagPlan, task: Task): CollectedOutputs {
  const parameters: Record<string, ParameterValue> = {};
  for (const { name, producer, output, type, from } of dag.outputParameters) {
    const value = own(task.children[producer]?.outputParameters, output);
    if (value === undefined) throw missing(`output parameter "${name}"`);
    const what = `output parameter "${name}"`;
    parameters[name] =
      type === undefined ? value : coerceOrFail(value, from, type, { reason: "OUTPUT_TYPE", what });
  }
  const artifacts: Record<string, readonly ArtifactValue[]> = {};
  for (const { name, producer, output } of dag.outputArtifacts) {
    const values = own(task.children[producer]?.outputArtifacts, output);
    if (values === undefined) throw missing(`output artifact "${name}"`);
    artifacts[name] = values;
  }
  return { parameters, artifacts };
}

function own<Value>(
  record: Readonly<Record<string, Value>> | undefined,
  name: string,
): Value | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

function missing(what: string): TaskFault {
  return new TaskFault("OUTPUT_MISSING", `${what} is declared and was not produced`);
}
