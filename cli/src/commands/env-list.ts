import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { table } from "../output/table.ts";

interface EnvironmentEntry {
  readonly digest: string;
  readonly python: string;
  readonly requirements: readonly string[];
  readonly builtAt: string;
  readonly directory: string;
}

const READY_FILE = "ready.json";

/** `tidemill env list`: read from the worker's home; only whole environments have a ready file. */
export async function listEnvironments(context: CommandContext): Promise<ExitCode> {
  const home = context.env.TIDEMILL_WORKER_HOME || join(context.home, "worker");
  const directory = join(home, "environments");
  const names = await readdir(directory).catch(() => []);
  const found = await Promise.all(names.map((name) => readEntry(join(directory, name), name)));
  const entries = found
    .filter((entry) => entry !== undefined)
    .sort((left, right) => right.builtAt.localeCompare(left.builtAt));
  if (context.json) {
    printJson(context.terminal, { environments: entries });
    return exitCodes.ok;
  }
  if (entries.length === 0) {
    context.terminal.note(`no environments in ${directory}: the first Python task builds one`);
    return exitCodes.ok;
  }
  const rows = entries.map((entry) => [
    entry.digest.slice(0, 12),
    entry.python,
    entry.builtAt.slice(0, 19).replace("T", " "),
    entry.requirements.join(" ") || "(kfp alone)",
  ]);
  const [header = "", ...lines] = table(["ENVIRONMENT", "PYTHON", "BUILT (UTC)", "PACKAGES"], rows);
  context.terminal.print(paintOf(context.terminal.colors).strong(header));
  for (const line of lines) context.terminal.print(line);
  return exitCodes.ok;
}

/** Undefined for one that is being built, or that is no environment. */
async function readEntry(directory: string, digest: string): Promise<EnvironmentEntry | undefined> {
  try {
    const path = join(directory, READY_FILE);
    const [text, info] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    const spec: unknown = JSON.parse(text);
    return {
      digest,
      directory,
      builtAt: info.mtime.toISOString(),
      python: pythonOf(spec),
      requirements: requirementsOf(spec),
    };
  } catch {
    // Not there yet, or removed meanwhile: not an environment that a task could use.
    return undefined;
  }
}

function pythonOf(spec: unknown): string {
  const isObject = typeof spec === "object" && spec !== null;
  return isObject && "python" in spec ? String(spec.python) : "?";
}

function requirementsOf(spec: unknown): string[] {
  if (typeof spec !== "object" || spec === null || !("steps" in spec)) return [];
  if (!Array.isArray(spec.steps)) return [];
  return spec.steps.flatMap((entry: { requirements?: readonly string[] }) => {
    return [...(entry.requirements ?? [])];
  });
}
