import type { ResourcesPlan } from "./executor-plan.ts";
import type { Parameters } from "./parameter-value.ts";
import type { Template } from "./placeholders.ts";
import { parseCpu, parseMemory, parseWhole } from "./quantities.ts";
import { renderText } from "./resolve-inputs.ts";
import type { Run, Task } from "./run.ts";
import { TaskFault } from "./task-fault.ts";

/** What a task asks for; 0 where it asks for nothing. */
export interface ResourceRequest {
  readonly cpu: number;
  readonly memoryBytes: number;
  /** What it must not exceed. */
  readonly memoryLimitBytes: number;
  readonly accelerators: number;
  /** CPUs in whole numbers, at least one: what the task takes of a worker before any clamping. */
  readonly slots: number;
}

/** A request counts, or else the limit, as on a cluster. Throws TaskFault for no quantity. */
export function planResources(
  run: Run,
  task: Task,
  resources: ResourcesPlan,
  parameters: Parameters,
): ResourceRequest {
  const read = (
    what: string,
    template: Template,
    parse: (text: string) => number | undefined,
  ): number => {
    const text = renderText(run, task, template, parameters).trim();
    if (text === "") return 0;
    const value = parse(text);
    if (value !== undefined) return value;
    throw new TaskFault(
      "INVALID_QUANTITY",
      `${what} "${text}" is no quantity; write it like 2, 500m, 4Gi or 512M`,
    );
  };
  const cpu =
    read("CPU request", resources.cpuRequest, parseCpu) ||
    read("CPU limit", resources.cpuLimit, parseCpu);
  const memoryLimitBytes = read("memory limit", resources.memoryLimit, parseMemory);
  const memoryBytes =
    read("memory request", resources.memoryRequest, parseMemory) || memoryLimitBytes;
  const accelerators = read("accelerator count", resources.acceleratorCount, parseWhole);
  const slots = Math.max(1, Math.ceil(cpu));
  return { cpu, memoryBytes, memoryLimitBytes, accelerators, slots };
}
