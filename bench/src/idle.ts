import { readdirSync, readFileSync } from "node:fs";
import { ended, findProcesses, pipelines, startTestMesh, submit } from "@tidemill/e2e";
import { wait } from "@tidemill/lifecycle";
import type { Emit } from "./bench.ts";

const SETTLE_MS = 30_000;
const KIB_PER_MIB = 1024;

/**
 * Memory of a whole mesh that has nothing to do: the sum of Pss (shared pages counted once) over
 * every process of it, half a minute after the demo run.
 */
export async function run(emit: Emit): Promise<void> {
  const mesh = await startTestMesh();
  try {
    await ended(mesh, await submit(mesh, pipelines.demo), "SUCCEEDED");
    await wait(SETTLE_MS);
    const names = new Map(Object.entries(mesh.pids()).map(([name, pid]) => [pid, name]));
    const pids = withDescendants([...findProcesses(`TIDEMILL_HOME=${mesh.home}`), ...names.keys()]);
    const byProcess: Record<string, number> = {};
    for (const pid of pids) {
      const name = names.get(pid) ?? nameOf(pid);
      byProcess[name] = (byProcess[name] ?? 0) + pssMib(pid);
    }
    const total = Object.values(byProcess).reduce((sum, value) => sum + value, 0);
    const rounded = Object.entries(byProcess).map(([name, value]) => [name, Math.round(value)]);
    emit({
      figure: "pss_mib",
      value: Math.round(total),
      processes: pids.size,
      by_process: Object.fromEntries(rounded),
    });
  } finally {
    await mesh.stop();
  }
}

/** A backend of Postgres writes its title over its environment: it is found by its parent. */
function withDescendants(roots: readonly number[]): Set<number> {
  const found = new Set(roots);
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = all.map((name) => [Number(name), parentOf(Number(name))] as const);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return found;
}

function parentOf(pid: number): number {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
}

function pssMib(pid: number): number {
  const text = readOrNothing(`/proc/${pid}/smaps_rollup`);
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / KIB_PER_MIB;
}

/** Postgres has a dozen processes; the rest are told apart by their program. */
function nameOf(pid: number): string {
  const words = readOrNothing(`/proc/${pid}/cmdline`).split("\0");
  if (words[0]?.startsWith("postgres")) return "postgres";
  const script = words.find((word) => /\.(py|ts|mjs)$/.test(word)) ?? words[0] ?? "";
  return script.split("/").at(-1) ?? "?";
}

/** Empty for a process that ended meanwhile. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It is gone, and so is its memory.
    return "";
  }
}
