import type { ArtifactSource, Dag, ParameterSource, TaskOutput, TaskSpec } from "./ir.ts";
import { PARAMETERS_MAX, TASKS_MAX } from "./limits.ts";
import { fileNameProblem, nameProblem } from "./names.ts";
import {
  type Item,
  isSet,
  messageShape,
  problem,
  type Reading,
  readJson,
  readList,
  readMap,
  readMessage,
  readRequiredText,
  readText,
  refuse,
  requireName,
} from "./spec-reader.ts";

const DAG = messageShape("a DAG", ["tasks", "outputs"]);
const DAG_OUTPUTS = messageShape("the outputs of a DAG", ["parameters", "artifacts"]);
const OUTPUT_PARAMETER = messageShape("an output parameter of a DAG", [
  "valueFromParameter",
  "valueFromOneof",
]);
const OUTPUT_ARTIFACT = messageShape("an output artifact of a DAG", ["artifactSelectors"]);
const PARAMETER_SELECTOR = messageShape("a selector", ["producerSubtask", "outputParameterKey"]);
const ARTIFACT_SELECTOR = messageShape("a selector", ["producerSubtask", "outputArtifactKey"]);
const TASK = messageShape("a task", [
  "taskInfo",
  "inputs",
  "dependentTasks",
  "cachingOptions",
  "componentRef",
  "triggerPolicy",
  "artifactIterator",
  "parameterIterator",
  "retryPolicy",
  "iteratorPolicy",
]);
const TASK_INFO = messageShape("taskInfo", ["name", "taskName"]);
const COMPONENT_REF = messageShape("componentRef", ["name"]);
const TRIGGER = messageShape("triggerPolicy", ["condition", "strategy"]);
const RETRY = messageShape("retryPolicy", [
  "maxRetryCount",
  "backoffDuration",
  "backoffFactor",
  "backoffMaxDuration",
]);
const INPUTS = messageShape("the inputs of a task", ["parameters", "artifacts"]);
const INPUT_PARAMETER = messageShape("an input parameter of a task", [
  "taskOutputParameter",
  "runtimeValue",
  "componentInputParameter",
  "taskFinalStatus",
  "parameterExpressionSelector",
]);
const INPUT_ARTIFACT = messageShape("an input artifact of a task", [
  "taskOutputArtifact",
  "componentInputArtifact",
]);
const RUNTIME_VALUE = messageShape(
  "runtimeValue",
  ["constantValue", "runtimeParameter", "constant"],
  ["constant"],
);
const LEGACY_VALUE = messageShape("constantValue", ["intValue", "doubleValue", "stringValue"]);
const OUTPUT_OF_TASK = messageShape("taskOutputParameter", ["producerTask", "outputParameterKey"]);
const ARTIFACT_OF_TASK = messageShape("taskOutputArtifact", ["producerTask", "outputArtifactKey"]);

const ONE_OF = "choices between branches (dsl.OneOf)";

export function parseDag(item: Item, reading: Reading): Dag {
  const fields = readMessage(item, DAG, reading);
  const tasks = new Map<string, TaskSpec>();
  for (const [key, task] of readMap(fields.get("tasks"), "tasks", TASKS_MAX)) {
    requireName(reading, task.at, fileNameProblem(key));
    tasks.set(key, parseTask(key, task, reading));
  }
  const outputParameters = new Map<string, TaskOutput>();
  const outputArtifacts = new Map<string, TaskOutput>();
  const outputs = fields.get("outputs");
  if (isSet(outputs)) {
    const { parameters, artifacts } = readBoth(outputs, reading);
    for (const [name, output] of parameters) {
      const source = parseOutputParameter(output, reading);
      if (source !== undefined) outputParameters.set(name, source);
    }
    for (const [name, output] of artifacts) {
      const source = parseOutputArtifact(output, reading);
      if (source !== undefined) outputArtifacts.set(name, source);
    }
  }
  return { tasks, outputParameters, outputArtifacts };
}

function readBoth(
  item: Item,
  reading: Reading,
): { readonly parameters: [string, Item][]; readonly artifacts: [string, Item][] } {
  const fields = readMessage(item, DAG_OUTPUTS, reading);
  return {
    parameters: readMap(fields.get("parameters"), "parameters", PARAMETERS_MAX),
    artifacts: readMap(fields.get("artifacts"), "artifacts", PARAMETERS_MAX),
  };
}

function parseOutputParameter(item: Item, reading: Reading): TaskOutput | undefined {
  const fields = readMessage(item, OUTPUT_PARAMETER, reading);
  if (fields.has("valueFromOneof")) {
    refuse(reading, item.at, ONE_OF);
    return undefined;
  }
  const from = fields.get("valueFromParameter");
  if (from === undefined) throw problem(item.at, 'must have "valueFromParameter"');
  const selector = readMessage(from, PARAMETER_SELECTOR, reading);
  return {
    producer: readRequiredText(selector, "producerSubtask", from),
    output: readRequiredText(selector, "outputParameterKey", from),
  };
}

function parseOutputArtifact(item: Item, reading: Reading): TaskOutput | undefined {
  const fields = readMessage(item, OUTPUT_ARTIFACT, reading);
  const selectors = readList(fields.get("artifactSelectors"), "selectors", PARAMETERS_MAX);
  const [from] = selectors;
  if (from === undefined) throw problem(item.at, 'must have "artifactSelectors"');
  if (selectors.length > 1) {
    refuse(reading, item.at, ONE_OF);
    return undefined;
  }
  const selector = readMessage(from, ARTIFACT_SELECTOR, reading);
  return {
    producer: readRequiredText(selector, "producerSubtask", from),
    output: readRequiredText(selector, "outputArtifactKey", from),
  };
}

function parseTask(key: string, item: Item, reading: Reading): TaskSpec {
  const fields = readMessage(item, TASK, reading);
  refuseControlFlow(fields, item, reading);
  const info = fields.get("taskInfo");
  const reference = fields.get("componentRef");
  if (reference === undefined) {
    throw problem({ parent: item.at, key: "componentRef" }, "is required");
  }
  const parameters = new Map<string, ParameterSource>();
  const artifacts = new Map<string, ArtifactSource>();
  const inputs = fields.get("inputs");
  if (isSet(inputs)) {
    const both = readMessage(inputs, INPUTS, reading);
    for (const [name, input] of readMap(both.get("parameters"), "parameters", PARAMETERS_MAX)) {
      requireName(reading, input.at, nameProblem(name));
      const source = parseParameterSource(input, reading);
      if (source !== undefined) parameters.set(name, source);
    }
    for (const [name, input] of readMap(both.get("artifacts"), "artifacts", PARAMETERS_MAX)) {
      artifacts.set(name, parseArtifactSource(input, reading));
    }
  }
  const displayName =
    info === undefined ? "" : readText(readMessage(info, TASK_INFO, reading).get("name"));
  return {
    key,
    displayName: displayName || key,
    component: readRequiredText(readMessage(reference, COMPONENT_REF, reading), "name", reference),
    parameters,
    artifacts,
    dependentTasks: readList(fields.get("dependentTasks"), "dependentTasks", TASKS_MAX).map(
      (task) => readText(task),
    ),
  };
}

function refuseControlFlow(fields: ReadonlyMap<string, Item>, item: Item, reading: Reading): void {
  const trigger = fields.get("triggerPolicy");
  if (isSet(trigger)) {
    const policy = readMessage(trigger, TRIGGER, reading);
    const strategy = policy.get("strategy");
    if (isSet(policy.get("condition"))) {
      refuse(reading, item.at, "conditions (dsl.If, dsl.Elif, dsl.Else, dsl.Condition)");
    }
    if (strategy?.value === "ALL_UPSTREAM_TASKS_COMPLETED" || strategy?.value === 2) {
      refuse(
        reading,
        item.at,
        "tasks that run after a failure (dsl.ExitHandler, ignore_upstream_failure)",
      );
    }
  }
  if (isSet(fields.get("parameterIterator")) || isSet(fields.get("artifactIterator"))) {
    refuse(reading, item.at, "loops (dsl.ParallelFor)");
  }
  const retry = fields.get("retryPolicy");
  if (isSet(retry) && isSet(readMessage(retry, RETRY, reading).get("maxRetryCount"))) {
    refuse(reading, item.at, "retries (set_retry)");
  }
}

function parseParameterSource(item: Item, reading: Reading): ParameterSource | undefined {
  const fields = readMessage(item, INPUT_PARAMETER, reading);
  if (isSet(fields.get("parameterExpressionSelector"))) {
    refuse(reading, item.at, "parts of a value (parameterExpressionSelector)");
    return undefined;
  }
  if (fields.has("taskFinalStatus")) {
    refuse(reading, item.at, "the final status of tasks (dsl.PipelineTaskFinalStatus)");
    return undefined;
  }
  if (fields.size !== 1) {
    const kinds = '"taskOutputParameter", "runtimeValue" and "componentInputParameter"';
    throw problem(item.at, `must have exactly one of ${kinds}, has ${fields.size}`);
  }
  const output = fields.get("taskOutputParameter");
  if (output !== undefined) {
    const of = readMessage(output, OUTPUT_OF_TASK, reading);
    return {
      kind: "taskOutput",
      producer: readRequiredText(of, "producerTask", output),
      output: readRequiredText(of, "outputParameterKey", output),
    };
  }
  const value = fields.get("runtimeValue");
  if (value !== undefined) return { kind: "constant", json: parseConstant(value, reading) };
  return {
    kind: "componentInput",
    name: readRequiredText(fields, "componentInputParameter", item),
  };
}

function parseConstant(item: Item, reading: Reading): string {
  const fields = readMessage(item, RUNTIME_VALUE, reading);
  const constant = fields.get("constant");
  if (constant !== undefined) return readJson(constant);
  const legacy = fields.get("constantValue");
  if (legacy !== undefined) {
    const [[field, value] = [], ...more] = readMessage(legacy, LEGACY_VALUE, reading);
    if (value !== undefined && more.length === 0) return readLegacy(field === "intValue", value);
  }
  throw problem(item.at, 'must have a "constant"');
}

/** A 64-bit number is a text in the JSON form of protobuf. */
function readLegacy(isWhole: boolean, item: Item): string {
  const { value } = item;
  return isWhole && typeof value === "string" && /^-?(?:0|[1-9]\d*)$/.test(value)
    ? value
    : readJson(item);
}

function parseArtifactSource(item: Item, reading: Reading): ArtifactSource {
  const fields = readMessage(item, INPUT_ARTIFACT, reading);
  if (fields.size !== 1) {
    const kinds = '"taskOutputArtifact" and "componentInputArtifact"';
    throw problem(item.at, `must have exactly one of ${kinds}, has ${fields.size}`);
  }
  const output = fields.get("taskOutputArtifact");
  if (output === undefined) {
    return {
      kind: "componentInput",
      name: readRequiredText(fields, "componentInputArtifact", item),
    };
  }
  const of = readMessage(output, ARTIFACT_OF_TASK, reading);
  return {
    kind: "taskOutput",
    producer: readRequiredText(of, "producerTask", output),
    output: readRequiredText(of, "outputArtifactKey", output),
  };
}
