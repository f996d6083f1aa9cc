import { coerceOrFail, describeValue } from "./coerce-parameter.ts";
import type { ConstantPart } from "./constant-plan.ts";
import type { InputParameter, ParameterType } from "./ir.ts";
import { jobText } from "./job-text.ts";
import { jsonToPlainText, sameJson } from "./json-text.ts";
import { COMPOSED_TEXT_LENGTH_MAX, INPUTS_LENGTH_MAX } from "./limits.ts";
import {
  type ArtifactValue,
  PARAMETER_INLINE_BYTES_MAX,
  type ParameterValue,
} from "./parameter-value.ts";
import type { Template } from "./placeholders.ts";
import type { InputArtifactPlan, InputParameterPlan, SourcePlan } from "./plan.ts";
import type { Run, Task } from "./run.ts";
import { TaskFault } from "./task-fault.ts";

export interface ResolvedInputs {
  readonly parameters: Record<string, ParameterValue>;
  readonly artifacts: Record<string, readonly ArtifactValue[]>;
}

/**
 * What a task gets, once everything it depends on has succeeded. A value is put in where it is
 * mentioned and never searched for placeholders again. Throws TaskFault when something required is
 * not there or of another type.
 */
export function resolveInputs(run: Run, task: Task): ResolvedInputs {
  const parameters: Record<string, ParameterValue> = {};
  for (const plan of task.plan.parameters) {
    const value = resolveParameter(run, task, plan, parameters);
    if (value !== undefined) parameters[plan.name] = value;
  }
  for (const [name, input] of task.plan.component.inputs.parameters) {
    if (Object.hasOwn(parameters, name)) continue;
    const value = absentValue(task, name, input);
    if (value !== undefined) parameters[name] = value;
  }
  requireTogether(parameters);
  const artifacts: Record<string, readonly ArtifactValue[]> = {};
  for (const plan of task.plan.artifacts) {
    const value = resolveArtifact(task, plan);
    if (value !== undefined) artifacts[plan.name] = value;
  }
  return { parameters, artifacts };
}

/** Every value is written to the journal again for every task that gets it. */
function requireTogether(parameters: Readonly<Record<string, ParameterValue>>): void {
  let length = 0;
  for (const value of Object.values(parameters)) {
    if (value.kind === "json") length += value.json.length;
  }
  if (length <= INPUTS_LENGTH_MAX) return;
  throw new TaskFault(
    "VALUE_TOO_LARGE",
    `its inputs have ${length} characters together, more than the ${INPUTS_LENGTH_MAX} allowed ` +
      "(INPUTS_LENGTH_MAX); pass large values as artifacts",
  );
}

function resolveParameter(
  run: Run,
  task: Task,
  { name, input, source }: InputParameterPlan,
  resolved: Readonly<Record<string, ParameterValue>>,
): ParameterValue | undefined {
  const value =
    source.kind === "constant" ? renderConstant(run, task, source, resolved) : lookUp(task, source);
  if (value === undefined || isNull(value)) {
    if (input === undefined || input.optional) return undefined;
    // Null of a task's own making is a value like others, for the types that can take it.
    if (value === undefined || source.kind !== "taskOutput") {
      throw new TaskFault(
        "INPUT_MISSING",
        `input "${name}" is required and ${describeSource(task, source)} gives no value`,
      );
    }
  }
  if (input === undefined) return value;
  return checkValue(name, input, value, source.kind === "constant" ? undefined : source.type);
}

function checkValue(
  name: string,
  input: InputParameter,
  value: ParameterValue,
  from: ParameterType | undefined,
): ParameterValue {
  const coerced = coerceOrFail(value, from, input.type, {
    reason: "INPUT_TYPE",
    what: `input "${name}"`,
  });
  if (!isAllowed(input, coerced)) {
    throw new TaskFault(
      "INPUT_NOT_ALLOWED",
      `input "${name}" must be one of ${input.literals.join(", ")}, got ${describeValue(value)}`,
    );
  }
  return coerced;
}

/** Whether the declared literals, if any, allow a value. */
function isAllowed(input: InputParameter, value: ParameterValue): boolean {
  if (input.literals.length === 0) return true;
  if (value.kind === "blob") return false;
  return input.literals.some((literal) => sameJson(literal, value.json));
}

/** What an input has that nobody gave a value: its default, or explicit null within a pipeline. */
function absentValue(task: Task, name: string, input: InputParameter): ParameterValue | undefined {
  if (input.defaultJson !== undefined) return { kind: "json", json: input.defaultJson };
  if (!input.optional) {
    throw new TaskFault("INPUT_MISSING", `input "${name}" is required and was not given`);
  }
  return task.plan.body.kind === "dag" ? NULL : undefined;
}

const NULL: ParameterValue = { kind: "json", json: "null" };

function lookUp(task: Task, source: SourcePlan): ParameterValue | undefined {
  const { parent } = task;
  if (parent === undefined) return undefined;
  const from =
    source.kind === "componentInput"
      ? parent.inputParameters
      : parent.children[source.producer]?.outputParameters;
  const name = source.kind === "componentInput" ? source.name : source.output;
  return from !== undefined && Object.hasOwn(from, name) ? from[name] : undefined;
}

function resolveArtifact(
  task: Task,
  { name, input, source }: InputArtifactPlan,
): readonly ArtifactValue[] | undefined {
  const from =
    source.kind === "componentInput"
      ? task.parent?.inputArtifacts
      : task.parent?.children[source.producer]?.outputArtifacts;
  const key = source.kind === "componentInput" ? source.name : source.output;
  const value = from !== undefined && Object.hasOwn(from, key) ? from[key] : undefined;
  if (value === undefined && !input.optional) {
    throw new TaskFault(
      "INPUT_MISSING",
      `input artifact "${name}" is required and ${describeSource(task, source)} gives none`,
    );
  }
  return value;
}

function renderConstant(
  run: Run,
  task: Task,
  { json, parts }: { readonly json: string; readonly parts: readonly ConstantPart[] | undefined },
  resolved: Readonly<Record<string, ParameterValue>>,
): ParameterValue {
  if (parts === undefined) return { kind: "json", json };
  const whole = onlyReference(parts);
  if (whole !== undefined) {
    return (Object.hasOwn(resolved, whole) ? resolved[whole] : undefined) ?? NULL;
  }
  let text = "";
  for (const part of parts) {
    text +=
      part.kind === "json"
        ? part.text
        : JSON.stringify(renderText(run, task, part.template, resolved));
    requireLength(text);
  }
  return { kind: "json", json: text };
}

/** The input that a constant consists of, with nothing around its placeholder. */
function onlyReference(parts: readonly ConstantPart[]): string | undefined {
  const [part] = parts;
  if (parts.length !== 1 || part?.kind !== "string" || part.template.length !== 1) return undefined;
  const [piece] = part.template;
  return piece?.kind === "inputParameter" ? piece.name : undefined;
}

/**
 * Fills in a text that must be known here: a constant, an image, a quantity, a variable. Throws
 * TaskFault when a value in it is too large, or known to the worker alone.
 */
export function renderText(
  run: Run,
  task: Task,
  template: Template,
  parameters: Readonly<Record<string, ParameterValue>>,
): string {
  let text = "";
  for (const piece of template) {
    switch (piece.kind) {
      case "literal":
        text += piece.text;
        break;
      case "job":
        text += jobText(run, task, piece.field);
        break;
      case "inputParameter":
        text += plainText(piece.name, parameters);
        break;
      default:
        throw new TaskFault(
          "PLACEHOLDER_NOT_HERE",
          "a placeholder of an artifact or of an output file can stand in commands alone",
        );
    }
    requireLength(text);
  }
  return text;
}

function plainText(name: string, parameters: Readonly<Record<string, ParameterValue>>): string {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  if (value === undefined) return "";
  if (value.kind === "json") return jsonToPlainText(value.json);
  throw new TaskFault(
    "VALUE_TOO_LARGE",
    `parameter "${name}" has ${value.sizeBytes} bytes, too large to be put into a text ` +
      `(${PARAMETER_INLINE_BYTES_MAX} at most, PARAMETER_INLINE_BYTES_MAX): make it an input of ` +
      "its own, which takes values of any size, or pass it as an artifact",
  );
}

function requireLength(text: string): void {
  if (text.length <= COMPOSED_TEXT_LENGTH_MAX) return;
  throw new TaskFault(
    "VALUE_TOO_LARGE",
    `a text with placeholders grew past ${COMPOSED_TEXT_LENGTH_MAX} characters ` +
      "(COMPOSED_TEXT_LENGTH_MAX); pass its parts as inputs of their own",
  );
}

function isNull(value: ParameterValue): boolean {
  return value.kind === "json" && value.json.trim() === "null";
}

function describeSource(task: Task, source: InputParameterPlan["source"]): string {
  switch (source.kind) {
    case "constant":
      return "its constant";
    case "componentInput":
      return `input "${source.name}" of the pipeline around it`;
    case "taskOutput": {
      const producer = task.parent?.children[source.producer]?.path ?? "";
      return `output "${source.output}" of task "${producer}"`;
    }
  }
}
