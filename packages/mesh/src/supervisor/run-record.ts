import type { Ports } from "@tidemill/config";
import type { HomeLayout } from "../home/home-layout.ts";
import { readJsonFile } from "../home/read-json-file.ts";
import { writeFileDurably } from "../home/write-file-durably.ts";
import { startMarkOf } from "./start-mark.ts";

export const processNames = ["postgres", "nats", "artifacts", "orchestrator", "worker"] as const;
export type ProcessName = (typeof processNames)[number];

export type ProcessState = "starting" | "serving" | "waiting" | "stopped";

export interface ProcessRecord {
  readonly state: ProcessState;
  readonly pid?: number | undefined;
  /** Tells the process from a later one of its pid; see `startMarkOf`. */
  readonly startMark?: number | undefined;
  readonly restarts: number;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

export interface MeshUrls {
  readonly orchestrator: string;
  readonly artifacts: string;
  readonly postgres: string;
  readonly nats: string;
}

/** run/supervisor.json: what runs on a home. */
export interface RunRecord {
  readonly pid: number;
  readonly startMark?: number | undefined;
  readonly startedMs: number;
  readonly portOffset: number;
  readonly ports: Ports;
  readonly urls: MeshUrls;
  /** Where the database lies: for root that may be outside the home. */
  readonly postgresDirectory: string;
  readonly processes: Readonly<Partial<Record<ProcessName, ProcessRecord>>>;
}

/** Undefined when nothing runs. */
export async function readRunRecord(layout: HomeLayout): Promise<RunRecord | undefined> {
  return readJsonFile(layout.record);
}

export async function writeRunRecord(layout: HomeLayout, record: RunRecord): Promise<void> {
  await writeFileDurably(layout.record, `${JSON.stringify(record, null, 2)}\n`, { sync: false });
}

/** Whether a recorded process is still that process. */
export async function isRunning(
  process_: Pick<ProcessRecord, "pid" | "startMark">,
): Promise<boolean> {
  if (process_.pid === undefined) return false;
  if (process_.startMark !== undefined) {
    return (await startMarkOf(process_.pid)) === process_.startMark;
  }
  try {
    process.kill(process_.pid, 0);
    return true;
  } catch {
    // No such process, or one of another user that took over the number.
    return false;
  }
}

export function meshUrls(ports: Ports): MeshUrls {
  return {
    orchestrator: `http://127.0.0.1:${ports.orchestratorHttp}`,
    artifacts: `http://127.0.0.1:${ports.artifactsHttp}`,
    postgres: `postgres://127.0.0.1:${ports.postgres}`,
    nats: `nats://127.0.0.1:${ports.nats}`,
  };
}
