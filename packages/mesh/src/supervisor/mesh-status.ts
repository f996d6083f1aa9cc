import { waitForServing } from "@tidemill/rpc/wait-for-serving";
import { homeLayout } from "../home/home-layout.ts";
import { healthPort } from "./process-specs.ts";
import {
  isRunning,
  type ProcessName,
  type ProcessRecord,
  processNames,
  type RunRecord,
  readRunRecord,
} from "./run-record.ts";

export interface ProcessStatus extends ProcessRecord {
  readonly name: ProcessName;
  /** What it says of itself just now; for Postgres and NATS, whether the process is there. */
  readonly serving: boolean;
}

export type MeshStatus =
  | { readonly state: "down" }
  /** The supervisor was killed; the next start recovers. */
  | { readonly state: "crashed"; readonly record: RunRecord }
  | {
      readonly state: "up" | "starting" | "degraded";
      readonly record: RunRecord;
      readonly processes: readonly ProcessStatus[];
    };

const HEALTH_MS_MAX = 1_500;

/** What runs on a home: its record, checked against the processes and asked for their health. */
export async function meshStatus(home: string): Promise<MeshStatus> {
  const record = await readRunRecord(homeLayout(home));
  if (record === undefined) return { state: "down" };
  if (!(await isRunning(record))) return { state: "crashed", record };
  const processes = await Promise.all(processNames.map((name) => statusOf(name, record)));
  if (processes.every(({ serving }) => serving)) return { state: "up", record, processes };
  const isStarting = processes.every(({ restarts }) => restarts === 0);
  return { state: isStarting ? "starting" : "degraded", record, processes };
}

async function statusOf(name: ProcessName, record: RunRecord): Promise<ProcessStatus> {
  const recorded = record.processes[name];
  if (recorded === undefined) {
    return { name, state: "waiting", restarts: 0, sinceMs: record.startedMs, serving: false };
  }
  const isThere = recorded.state === "serving" && (await isRunning(recorded));
  const port = healthPort(record.ports, name);
  const serving = isThere && (port === undefined || (await answersServing(port)));
  return { name, ...recorded, serving };
}

async function answersServing(port: number): Promise<boolean> {
  try {
    await waitForServing(`127.0.0.1:${port}`, { timeoutMs: HEALTH_MS_MAX });
    return true;
  } catch {
    // That it does not say so is the answer.
    return false;
  }
}
