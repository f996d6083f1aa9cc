import type { ResourceRequest } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Remark } from "../runners/runner.ts";

/** What this machine has for tasks. */
export interface WorkerResources {
  readonly slots: number;
  readonly memoryBytes: number;
}

const GIB = 1024 ** 3;

/** A request beyond the machine is clamped and never waited for; the user is told. */
export function resourceWarnings(
  request: ResourceRequest | undefined,
  machine: WorkerResources,
): readonly Remark[] {
  if (request === undefined) return [];
  const warnings: Remark[] = [];
  const clamp = (asked: string, has: string) => {
    const message = `the task asks for ${asked}, and this worker has ${has}: it runs with that`;
    warnings.push({ code: "RESOURCES_CLAMPED", message });
  };
  if (request.cpu > machine.slots) clamp(`${request.cpu} CPUs`, `${machine.slots}`);
  const memoryBytes = Number(request.memoryBytes);
  if (memoryBytes > machine.memoryBytes) {
    clamp(`${gib(memoryBytes)} of memory`, gib(machine.memoryBytes));
  }
  if (request.accelerators > 0) {
    const asked =
      request.accelerators === 1 ? "1 accelerator" : `${request.accelerators} accelerators`;
    const message = `the task asks for ${asked}, and this worker hands out none: it runs without`;
    warnings.push({ code: "RESOURCES_CLAMPED", message });
  }
  return warnings;
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
