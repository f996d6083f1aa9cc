import { type ArgumentPlan, parseArgument } from "./argument-plan.ts";
import type { Executor } from "./ir.ts";
import { isLiteral, parseTemplate, type Template } from "./placeholders.ts";

/** An executor with its placeholders found. */
export interface ExecutorPlan {
  readonly image: Template;
  readonly command: readonly ArgumentPlan[];
  readonly args: readonly ArgumentPlan[];
  readonly env: readonly { readonly name: string; readonly value: Template }[];
  readonly resources: ResourcesPlan;
  /**
   * Whether image, variables or resources depend on values: then they are worked out before the
   * task is queued, so that what is wrong with them fails the task and not the engine.
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

export function compileExecutor(executor: Executor): ExecutorPlan {
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
  const values = [image, ...env.map((variable) => variable.value), ...Object.values(resources)];
  return {
    image,
    command: executor.command.map(parseArgument),
    args: executor.args.map(parseArgument),
    env,
    resources,
    dynamic: !values.every(isLiteral),
  };
}
