import { meaningOf } from "@tidemill/images";
import type { Component, Executor, PipelineSpec } from "../domain/ir.ts";
import type { Warning } from "../domain/journal-event.ts";
import { parseWhole } from "../domain/quantities.ts";

/** Among thousands of components the same few images come up again and again. */
const WARNINGS_MAX = 100;

/**
 * What a worker is going to say about the tasks of a specification, as far as it does not depend on
 * the worker's machine or on the values of a run.
 */
export function foreseeWarnings(spec: PipelineSpec): readonly Warning[] {
  const warnings = new Map<string, Warning>();
  for (const component of spec.components.values()) {
    if (warnings.size >= WARNINGS_MAX) break;
    if (component.body.kind !== "executor") continue;
    const executor = spec.executors.get(component.body.executor);
    if (executor === undefined) continue;
    for (const warning of warningsOf(component, executor)) warnings.set(warning.message, warning);
  }
  return [...warnings.values()];
}

function warningsOf({ name }: Component, { image, resources }: Executor): Warning[] {
  const warnings: Warning[] = [];
  const accelerators = parseWhole(resources.acceleratorCount) ?? 0;
  if (accelerators > 0) {
    const asked = accelerators === 1 ? "1 accelerator" : `${accelerators} accelerators`;
    warnings.push({
      code: "RESOURCES_CLAMPED",
      message: `component "${name}" asks for ${asked}, and workers hand out none: it runs without`,
    });
  }
  if (!image.includes("{{$") && meaningOf(image).kind === "unknown") {
    warnings.push({
      code: "IMAGE_NOT_RUN",
      message: `image "${image}" will not be run: its command runs on the worker's machine instead`,
    });
  }
  return warnings;
}
