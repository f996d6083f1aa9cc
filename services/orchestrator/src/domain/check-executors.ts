import { messageOf } from "@tidemill/errors";
import { type ArgumentPlan, parseArgument, visitArgument } from "./argument-plan.ts";
import { warnUnknown } from "./check-task.ts";
import { excerpt } from "./excerpt.ts";
import { isDeclared } from "./executor-plan.ts";
import type { Component, Executor, PipelineSpec } from "./ir.ts";
import { isLiteral, parseTemplate, type Template } from "./placeholders.ts";
import { parseCpu, parseMemory, parseWhole } from "./quantities.ts";
import type { PathSegments, Report } from "./spec-error.ts";
import type { Reading } from "./spec-reader.ts";

interface ExecutorScope {
  readonly component: Component;
  readonly report: Report;
  readonly reading: Reading;
}

/** Checks the texts of every executor against each component that uses it. */
export function checkExecutors(
  spec: PipelineSpec,
  base: PathSegments,
  { report, reading }: Omit<ExecutorScope, "component">,
): void {
  for (const component of spec.components.values()) {
    if (component.body.kind !== "executor") continue;
    const label = component.body.executor;
    const executor = spec.executors.get(label);
    if (executor === undefined) continue;
    const path = [...base, "deploymentSpec", "executors", label, "container"];
    checkExecutor({ component, report, reading }, executor, path);
  }
}

function checkExecutor(scope: ExecutorScope, executor: Executor, path: PathSegments): void {
  if (executor.command.length === 0 && executor.args.length === 0) {
    const feature = "the entrypoint of its image, as it has no command of its own";
    scope.reading.unsupported.push({ path, feature });
  }
  for (const [index, text] of executor.command.entries()) {
    checkArgument(scope, text, [...path, "command", index]);
  }
  for (const [index, text] of executor.args.entries()) {
    checkArgument(scope, text, [...path, "args", index]);
  }
  checkValueText(scope, executor.image, [...path, "image"]);
  for (const [index, { value }] of executor.env.entries()) {
    checkValueText(scope, value, [...path, "env", index, "value"]);
  }
  const { resources } = executor;
  const where = [...path, "resources"];
  checkQuantity(scope, resources.cpuRequest, [...where, "resourceCpuRequest"], parseCpu);
  checkQuantity(scope, resources.cpuLimit, [...where, "resourceCpuLimit"], parseCpu);
  checkQuantity(scope, resources.memoryRequest, [...where, "resourceMemoryRequest"], parseMemory);
  checkQuantity(scope, resources.memoryLimit, [...where, "resourceMemoryLimit"], parseMemory);
  checkQuantity(scope, resources.acceleratorCount, [...where, "accelerator"], parseWhole);
}

/**
 * An argument of several lines is a program. What it says about placeholders may be meant for
 * people or for another tool (`{{$name := ...}}` in a template), so nothing in it is an error.
 */
function checkArgument(scope: ExecutorScope, text: string, path: PathSegments): void {
  if (!text.includes("{{$") && !text.includes("IfPresent") && !text.includes("Concat")) return;
  let argument: ArgumentPlan;
  try {
    argument = parseArgument(text);
  } catch (error) {
    scope.report("SPEC_INVALID", path, messageOf(error));
    return;
  }
  const { unsupported, unknown } = parseTemplate(text);
  for (const placeholder of unknown) warnUnknown(scope.reading, path, placeholder);
  if (argument.kind === "text" && text.includes("\n")) return;
  for (const { feature } of unsupported) scope.reading.unsupported.push({ path, feature });
  visitArgument(argument, {
    text: (template) => checkNames(scope, template, path),
    input: (name) => {
      const { parameters, artifacts } = scope.component.inputs;
      if (!parameters.has(name) && !artifacts.has(name)) reportUnknown(scope, "input", name, path);
    },
  });
}

/** A text whose value must be known before the task runs. */
function checkValueText(scope: ExecutorScope, text: string, path: PathSegments): void {
  if (!text.includes("{{$")) return;
  const { template, unsupported, unknown } = parseTemplate(text);
  for (const { feature } of unsupported) scope.reading.unsupported.push({ path, feature });
  for (const placeholder of unknown) warnUnknown(scope.reading, path, placeholder);
  checkNames(scope, template, path);
  for (const piece of template) {
    if (["literal", "inputParameter", "job"].includes(piece.kind)) continue;
    const what = "only placeholders of input parameters and of the run can stand here";
    scope.report("PLACEHOLDER_NOT_HERE", path, what);
  }
}

function checkQuantity(
  scope: ExecutorScope,
  text: string,
  path: PathSegments,
  parse: (text: string) => number | undefined,
): void {
  checkValueText(scope, text, path);
  const { template } = parseTemplate(text);
  if (text === "" || !isLiteral(template) || parse(text) !== undefined) return;
  const what = `"${excerpt(text)}" is no quantity; write it like 2, 500m, 4Gi or 512M`;
  scope.report("INVALID_QUANTITY", path, what);
}

function checkNames(scope: ExecutorScope, template: Template, path: PathSegments): void {
  for (const piece of template) {
    if (isDeclared(scope.component, piece) || !("name" in piece)) continue;
    reportUnknown(scope, PIECE_NAMES[piece.kind], piece.name, path);
  }
}

const PIECE_NAMES = {
  inputParameter: "input parameter",
  inputArtifact: "input artifact",
  outputArtifact: "output artifact",
  outputParameterFile: "output parameter",
} as const;

function reportUnknown(scope: ExecutorScope, what: string, name: string, path: PathSegments): void {
  const lacking = `component "${scope.component.name}" has no ${what} "${name}"`;
  scope.report("UNKNOWN_INPUT", path, `a placeholder names what is not there: ${lacking}`);
}
