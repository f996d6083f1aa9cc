import { UnavailableError } from "@tidemill/errors";
import { wait } from "@tidemill/lifecycle";
import { type HomeLayout, homeLayout } from "../home/home-layout.ts";
import { stopOrder } from "./mesh.ts";
import { isRunning, type ProcessName, readRunRecord } from "./run-record.ts";

export type StopOutcome = "stopped" | "not running";

/** The sum of what each process may take, and some more. */
const STOP_MS_MAX = 150_000;
const POLL_MS = 20;
/** Whoever waits longer is told for what. */
const QUIET_MS = 1_000;

/**
 * Asks the supervisor of a home to stop everything and waits until it is gone. When that takes a
 * while, `onWaiting` is told what it waits for, and again when that changes. Throws
 * UnavailableError when it does not stop within the time.
 */
export async function stopMesh(
  home: string,
  onWaiting: (name: ProcessName) => void = () => {},
): Promise<StopOutcome> {
  const layout = homeLayout(home);
  const record = await readRunRecord(layout);
  if (record === undefined || !(await isRunning(record))) return "not running";
  process.kill(record.pid, "SIGTERM");
  const limit = AbortSignal.timeout(STOP_MS_MAX);
  const quiet = AbortSignal.timeout(QUIET_MS);
  let told: ProcessName | undefined;
  while (await isRunning(record)) {
    if (quiet.aborted) {
      const stopping = await stoppingNow(layout);
      if (stopping !== undefined && stopping !== told) onWaiting(stopping);
      told = stopping;
    }
    if (await wait(POLL_MS, limit)) continue;
    const message = `process ${record.pid} did not stop in time: end it with kill -9 ${record.pid}`;
    throw new UnavailableError("supervisor", message);
  }
  return "stopped";
}

/** What stops now, the others being next; undefined once the supervisor itself is about to end. */
async function stoppingNow(layout: HomeLayout): Promise<ProcessName | undefined> {
  const processes = (await readRunRecord(layout))?.processes ?? {};
  return stopOrder.find((name) => (processes[name]?.state ?? "stopped") !== "stopped");
}
