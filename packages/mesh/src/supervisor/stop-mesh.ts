import { UnavailableError } from "@tidemill/errors";
import { wait } from "@tidemill/lifecycle";
import { homeLayout } from "../home/home-layout.ts";
import { isRunning, readRunRecord } from "./run-record.ts";

export type StopOutcome = "stopped" | "not running";

/** The sum of what each process may take, and some more. */
const STOP_MS_MAX = 150_000;
const POLL_MS = 20;

/**
 * Asks the supervisor of a home to stop everything and waits until it is gone. Throws
 * UnavailableError when it does not within the time.
 */
export async function stopMesh(home: string): Promise<StopOutcome> {
  const layout = homeLayout(home);
  const record = await readRunRecord(layout);
  if (record === undefined || !(await isRunning(record))) return "not running";
  process.kill(record.pid, "SIGTERM");
  const limit = AbortSignal.timeout(STOP_MS_MAX);
  while (await isRunning(record)) {
    if (await wait(POLL_MS, limit)) continue;
    const message = `process ${record.pid} did not stop in time: end it with kill -9 ${record.pid}`;
    throw new UnavailableError("supervisor", message);
  }
  return "stopped";
}
