import type { ResourceRequest } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Remark } from "../runners/runner.ts";

/** What this machine has for tasks. */
export interface WorkerResources {
  readonly slots: number;
  readonly memoryBytes: number;
  /** Whether a task is held to its memory limit. */
  readonly watchesMemory: boolean;
}

const MIB = 1024 ** 2;
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
    clamp(`${memoryText(memoryBytes)} of memory`, memoryText(machine.memoryBytes));
  }
  if (request.memoryLimitBytes > 0n && !machine.watchesMemory) {
    const limit = memoryText(Number(request.memoryLimitBytes));
    const message = `the task has a memory limit of ${limit}, which this system does not let a worker watch: it runs without`;
    warnings.push({ code: "RESOURCE_LIMIT_NOT_ENFORCED", message });
  }
  if (request.accelerators > 0) {
    const asked =
      request.accelerators === 1 ? "1 accelerator" : `${request.accelerators} accelerators`;
    const message = `the task asks for ${asked}, and this worker hands out none: it runs without`;
    warnings.push({ code: "RESOURCES_CLAMPED", message });
  }
  return warnings;
}

/** Bytes as people write them. */
export function memoryText(bytes: number): string {
  return bytes < GIB ? `${(bytes / MIB).toFixed(0)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`;
}
