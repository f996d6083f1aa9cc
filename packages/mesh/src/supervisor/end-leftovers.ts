import { wait } from "@tidemill/lifecycle";
import type { HomeLayout } from "../home/home-layout.ts";
import { isRunning, readRunRecord } from "./run-record.ts";

const END_MS_MAX = 10_000;
const POLL_MS = 20;

/**
 * Ends what an earlier mesh of this home left running. The reaper leaves nothing; this is for the
 * case that it was killed together with its supervisor. Only processes that are exactly the
 * recorded ones are touched.
 */
export async function endLeftovers(layout: HomeLayout): Promise<number> {
  const record = await readRunRecord(layout);
  if (record === undefined) return 0;
  let ended = 0;
  for (const [name, recorded] of Object.entries(record.processes)) {
    if (recorded.pid === undefined || recorded.startMark === undefined) continue;
    if (!(await isRunning(recorded))) continue;
    ended++;
    // QUIT is Postgres' immediate shutdown, which its backends follow.
    process.kill(recorded.pid, name === "postgres" ? "SIGQUIT" : "SIGKILL");
    const limit = AbortSignal.timeout(END_MS_MAX);
    while ((await isRunning(recorded)) && (await wait(POLL_MS, limit)));
  }
  return ended;
}
