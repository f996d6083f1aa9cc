import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { runPlan } from "../servers/process-plan.ts";

const START_TICKS_FIELD = 19;

/**
 * A number that tells a process from every later one that gets its pid: when it was started.
 * Undefined when it is gone, or where that cannot be known.
 */
export function startMarkOf(pid: number): Promise<number | undefined> {
  return existsSync("/proc/self/stat") ? startTicksOf(pid) : startSecondsOf(pid);
}

/** In ticks after boot. */
async function startTicksOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The fields after the command, which stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat === "" || fields[0] === "Z" ? undefined : Number(fields[START_TICKS_FIELD]);
}

/** In seconds since the epoch, as macOS knows it. */
export async function startSecondsOf(pid: number): Promise<number | undefined> {
  const { code, stdout } = await runPlan({
    name: "ps",
    argv: ["ps", "-o", "stat=,lstart=", "-p", String(pid)],
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    cwd: "/",
  });
  const [, state = "Z", started = ""] = /^\s*(\S+)\s+(.+)$/.exec(stdout.trim()) ?? [];
  const seconds = Date.parse(`${started} UTC`) / 1000;
  return code !== 0 || state.startsWith("Z") || Number.isNaN(seconds) ? undefined : seconds;
}
