import { coerceSpecJson, typeName } from "./coerce-parameter.ts";
import { excerpt } from "./excerpt.ts";
import type {
  ArtifactType,
  Component,
  ComponentInputs,
  ComponentOutputs,
  InputArtifact,
  InputParameter,
  OutputArtifact,
  OutputParameter,
  ParameterType,
} from "./ir.ts";
import { PARAMETERS_MAX } from "./limits.ts";
import { fileNameProblem, nameProblem } from "./names.ts";
import { parseDag } from "./parse-dag.ts";
import {
  describe,
  type Item,
  isSet,
  messageShape,
  problem,
  type Reading,
  readBoolean,
  readJson,
  readList,
  readMap,
  readMessage,
  readRequiredText,
  readText,
  refuse,
  requireName,
} from "./spec-reader.ts";

const COMPONENT = messageShape("a component", [
  "inputDefinitions",
  "outputDefinitions",
  "dag",
  "executorLabel",
  "singlePlatformSpecs",
  "taskConfigPassthroughs",
]);
const DEFINITIONS = messageShape("definitions", ["parameters", "artifacts"]);
const INPUT_PARAMETER = messageShape(
  "an input parameter",
  ["type", "parameterType", "defaultValue", "isOptional", "description", "literals"],
  ["defaultValue"],
);
const OUTPUT_PARAMETER = messageShape("an output parameter", [
  "type",
  "parameterType",
  "isOptional",
  "description",
]);
const INPUT_ARTIFACT = messageShape("an input artifact", [
  "artifactType",
  "isArtifactList",
  "isOptional",
  "description",
]);
const OUTPUT_ARTIFACT = messageShape("an output artifact", [
  "artifactType",
  "properties",
  "customProperties",
  "metadata",
  "isArtifactList",
  "description",
]);
const ARTIFACT_TYPE = messageShape("an artifact type", [
  "schemaTitle",
  "schemaUri",
  "instanceSchema",
  "schemaVersion",
]);

/** Characters of a description or an instance schema. */
const TEXT_LENGTH_MAX = 1024 * 1024;
const LITERALS_MAX = 1_000;

export function parseComponent(name: string, item: Item, reading: Reading): Component {
  const fields = readMessage(item, COMPONENT, reading);
  if (isSet(fields.get("taskConfigPassthroughs"))) {
    refuse(reading, item.at, "task configuration passthroughs (dsl.TaskConfig)");
  }
  if (isSet(fields.get("singlePlatformSpecs"))) {
    refuse(reading, item.at, "platform settings within a component (singlePlatformSpecs)");
  }
  const inputs = parseInputs(fields.get("inputDefinitions"), reading);
  const outputs = parseOutputs(fields.get("outputDefinitions"), reading);
  const dag = fields.get("dag");
  const label = fields.get("executorLabel");
  if ((dag === undefined) === (label === undefined)) {
    throw problem(item.at, 'must have either "dag" or "executorLabel"');
  }
  if (dag !== undefined) {
    return { name, inputs, outputs, body: { kind: "dag", dag: parseDag(dag, reading) } };
  }
  const executor = readRequiredText(fields, "executorLabel", item);
  return { name, inputs, outputs, body: { kind: "executor", executor } };
}

function parseInputs(item: Item | undefined, reading: Reading): ComponentInputs {
  const parameters = new Map<string, InputParameter>();
  const artifacts = new Map<string, InputArtifact>();
  if (item === undefined) return { parameters, artifacts };
  const fields = readMessage(item, DEFINITIONS, reading);
  for (const [name, inner] of readMap(fields.get("parameters"), "parameters", PARAMETERS_MAX)) {
    requireName(reading, inner.at, nameProblem(name));
    const parameter = parseInputParameter(inner, reading);
    if (parameter !== undefined) parameters.set(name, parameter);
  }
  for (const [name, inner] of readMap(fields.get("artifacts"), "artifacts", PARAMETERS_MAX)) {
    requireName(reading, inner.at, fileNameProblem(name));
    const artifact = readMessage(inner, INPUT_ARTIFACT, reading);
    artifacts.set(name, {
      type: parseArtifactType(artifact.get("artifactType"), inner, reading),
      list: readBoolean(artifact.get("isArtifactList")),
      optional: readBoolean(artifact.get("isOptional")),
    });
  }
  return { parameters, artifacts };
}

function parseOutputs(item: Item | undefined, reading: Reading): ComponentOutputs {
  const parameters = new Map<string, OutputParameter>();
  const artifacts = new Map<string, OutputArtifact>();
  if (item === undefined) return { parameters, artifacts };
  const fields = readMessage(item, DEFINITIONS, reading);
  for (const [name, inner] of readMap(fields.get("parameters"), "parameters", PARAMETERS_MAX)) {
    requireName(reading, inner.at, fileNameProblem(name));
    const parameter = readMessage(inner, OUTPUT_PARAMETER, reading);
    const type = parseType(parameter.get("parameterType"), parameter.get("type"), inner, reading);
    if (type !== undefined) parameters.set(name, { type });
  }
  for (const [name, inner] of readMap(fields.get("artifacts"), "artifacts", PARAMETERS_MAX)) {
    requireName(reading, inner.at, fileNameProblem(name));
    artifacts.set(name, parseOutputArtifact(inner, reading));
  }
  return { parameters, artifacts };
}

function parseInputParameter(item: Item, reading: Reading): InputParameter | undefined {
  const fields = readMessage(item, INPUT_PARAMETER, reading);
  const type = parseType(fields.get("parameterType"), fields.get("type"), item, reading);
  if (type === undefined) return undefined;
  const literals = readList(fields.get("literals"), "literals", LITERALS_MAX).map((literal) =>
    readTyped(literal, type),
  );
  const given = fields.get("defaultValue");
  const defaultJson =
    given === undefined || given.value === null ? undefined : readTyped(given, type);
  const optional = readBoolean(fields.get("isOptional")) || given !== undefined;
  return { type, optional, defaultJson, literals };
}

function readTyped(item: Item, type: ParameterType): string {
  const json = readJson(item);
  const coerced = coerceSpecJson(json, type);
  if (coerced !== undefined) return coerced;
  throw problem(item.at, `must be ${typeName(type)}, got ${excerpt(json)}`);
}

function parseOutputArtifact(item: Item, reading: Reading): OutputArtifact {
  const fields = readMessage(item, OUTPUT_ARTIFACT, reading);
  if (readBoolean(fields.get("isArtifactList"))) {
    refuse(reading, item.at, "lists of output artifacts");
  }
  for (const name of ["properties", "customProperties"]) {
    if (isSet(fields.get(name))) {
      refuse(reading, item.at, `the deprecated "${name}" of an artifact; use "metadata"`);
    }
  }
  const metadata = fields.get("metadata");
  return {
    type: parseArtifactType(fields.get("artifactType"), item, reading),
    metadataJson: metadata === undefined ? "{}" : readTyped(metadata, "STRUCT"),
  };
}

function parseArtifactType(item: Item | undefined, around: Item, reading: Reading): ArtifactType {
  if (item === undefined) {
    throw problem({ parent: around.at, key: "artifactType" }, "is required");
  }
  const fields = readMessage(item, ARTIFACT_TYPE, reading);
  if (isSet(fields.get("schemaUri"))) refuse(reading, item.at, "artifact types by schemaUri");
  const schemaTitle = readText(fields.get("schemaTitle"));
  const instanceSchema = readText(fields.get("instanceSchema"), TEXT_LENGTH_MAX);
  const schemaVersion = readText(fields.get("schemaVersion"));
  if (schemaTitle === "" && instanceSchema === "" && !isSet(fields.get("schemaUri"))) {
    throw problem(item.at, 'must have "schemaTitle" or "instanceSchema"');
  }
  return { schemaTitle, schemaVersion, instanceSchema };
}

// As numbers too, since the JSON form of protobuf allows them.
const TYPES: ReadonlyMap<unknown, ParameterType> = new Map<unknown, ParameterType>([
  ["NUMBER_DOUBLE", "NUMBER_DOUBLE"],
  ["NUMBER_INTEGER", "NUMBER_INTEGER"],
  ["STRING", "STRING"],
  ["BOOLEAN", "BOOLEAN"],
  ["LIST", "LIST"],
  ["STRUCT", "STRUCT"],
  [1, "NUMBER_DOUBLE"],
  [2, "NUMBER_INTEGER"],
  [3, "STRING"],
  [4, "BOOLEAN"],
  [5, "LIST"],
  [6, "STRUCT"],
]);
const DEPRECATED_TYPES: ReadonlyMap<unknown, ParameterType> = new Map<unknown, ParameterType>([
  ["INT", "NUMBER_INTEGER"],
  ["DOUBLE", "NUMBER_DOUBLE"],
  ["STRING", "STRING"],
]);
const REFUSED_TYPES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ["TASK_FINAL_STATUS", "the final status of tasks (dsl.PipelineTaskFinalStatus)"],
  [7, "the final status of tasks (dsl.PipelineTaskFinalStatus)"],
  ["TASK_CONFIG", "task configurations (dsl.TaskConfig)"],
  [8, "task configurations (dsl.TaskConfig)"],
]);

/** Undefined when the type was refused as not supported. */
function parseType(
  item: Item | undefined,
  deprecated: Item | undefined,
  around: Item,
  reading: Reading,
): ParameterType | undefined {
  if (item === undefined) {
    const old = DEPRECATED_TYPES.get(deprecated?.value);
    if (old !== undefined) return old;
    throw problem({ parent: around.at, key: "parameterType" }, "is required");
  }
  const refused = REFUSED_TYPES.get(item.value);
  if (refused !== undefined) {
    refuse(reading, around.at, refused);
    return undefined;
  }
  const type = TYPES.get(item.value);
  if (type !== undefined) return type;
  const known = [...TYPES.keys()].filter((key) => typeof key === "string").join(", ");
  throw problem(item.at, `must be one of ${known}, got ${describe(item.value)}`);
}
