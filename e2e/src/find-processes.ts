import { readdirSync, readFileSync } from "node:fs";

/** Processes of this machine whose command line or environment holds a text, by pid. */
export function findProcesses(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => ["cmdline", "environ"].some((file) => readOf(pid, file).includes(text)));
}

/** Empty for a process that has ended or belongs to somebody else; one that is dead has none. */
function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It ended while we were looking.
    return "";
  }
}
