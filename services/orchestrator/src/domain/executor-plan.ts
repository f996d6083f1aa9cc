import { type ArgumentPlan, parseArgument, visitArgument } from "./argument-plan.ts";
import type { Component, Executor } from "./ir.ts";
import { isLiteral, type Piece, parseTemplate, type Template } from "./placeholders.ts";

/** An executor with its placeholders found. */
export interface ExecutorPlan {
  readonly image: Template;
  readonly command: readonly ArgumentPlan[];
  readonly args: readonly ArgumentPlan[];
  readonly env: readonly { readonly name: string; readonly value: Template }[];
  readonly resources: ResourcesPlan;
  /**
   * Whether some text depends on values or variables: then everything is worked out before the
   * task is queued, so that what is wrong with it fails the task and not the engine.
   */
  readonly dynamic: boolean;
}

export interface ResourcesPlan {
  readonly cpuRequest: Template;
  readonly cpuLimit: Template;
  readonly memoryRequest: Template;
  readonly memoryLimit: Template;
  readonly acceleratorCount: Template;
}

/**
 * Prepares an executor for a component that uses it. A placeholder of something that the component
 * does not have stays as it is: checkSpec lets it pass only within a program.
 */
export function compileExecutor(executor: Executor, component: Component): ExecutorPlan {
  const isKnown = (piece: Piece): boolean => isDeclared(component, piece);
  const image = parseTemplate(executor.image).template;
  const env = executor.env.map(({ name, value }) => ({
    name,
    value: parseTemplate(value).template,
  }));
  const resources: ResourcesPlan = {
    cpuRequest: parseTemplate(executor.resources.cpuRequest).template,
    cpuLimit: parseTemplate(executor.resources.cpuLimit).template,
    memoryRequest: parseTemplate(executor.resources.memoryRequest).template,
    memoryLimit: parseTemplate(executor.resources.memoryLimit).template,
    acceleratorCount: parseTemplate(executor.resources.acceleratorCount).template,
  };
  const command = executor.command.map((text) => parseArgument(text, isKnown));
  const args = executor.args.map((text) => parseArgument(text, isKnown));
  const values = [image, ...env.map((variable) => variable.value), ...Object.values(resources)];
  const dynamic =
    !values.every(isLiteral) ||
    env.some(({ value }) => refersToVariable(value)) ||
    [...command, ...args].some((argument) => isDynamic(argument, env.length > 0));
  return { image, command, args, env, resources, dynamic };
}

function isDynamic(argument: ArgumentPlan, hasVariables: boolean): boolean {
  let dynamic = false;
  visitArgument(argument, {
    text: (template) => {
      // What the worker alone fills in needs no check here.
      const known = template.some(
        ({ kind }) => kind === "inputParameter" || kind === "inputArtifact",
      );
      dynamic ||= known || (hasVariables && refersToVariable(template));
    },
    input: () => {},
  });
  return dynamic;
}

function refersToVariable(template: Template): boolean {
  return template.some((piece) => piece.kind === "literal" && piece.text.includes("$("));
}

/** Whether a component has what a placeholder names. */
export function isDeclared({ inputs, outputs }: Component, piece: Piece): boolean {
  switch (piece.kind) {
    case "inputParameter":
      // The hidden inputs of f-strings belong to the task, not to the component.
      return inputs.parameters.has(piece.name) || piece.name.startsWith("pipelinechannel--");
    case "inputArtifact":
      return inputs.artifacts.has(piece.name);
    case "outputArtifact":
      return outputs.artifacts.has(piece.name);
    case "outputParameterFile":
      return outputs.parameters.has(piece.name);
    default:
      return true;
  }
}
