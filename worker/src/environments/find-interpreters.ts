import { execFile } from "node:child_process";
import { readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Interpreter } from "./choose-interpreter.ts";

const execute = promisify(execFile);
const PROBE_TIMEOUT_MS = 10_000;
/** The oldest that the kfp runtime takes. */
const MINOR_MIN = 9;
const MINOR_MAX = 30;
/** `_base_executable` sees through a venv, `sys.executable` through a shim. */
const PROBE =
  "import sys;print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3], " +
  "getattr(sys,'_base_executable',None) or sys.executable, sep='\\n')";

export interface FindOptions {
  /** Looked at first. */
  readonly preferred?: string;
  /** PATH of this process. */
  readonly path: string;
  readonly userHome: string;
  readonly pyenvRoot?: string | undefined;
}

/** Every CPython this machine has: on PATH, those of pyenv and of uv. Real binaries, each once. */
export async function findInterpreters(options: FindOptions): Promise<readonly Interpreter[]> {
  const candidates = new Set<string>();
  for (const path of await candidatePaths(options)) {
    const real = await realpath(path).catch(() => undefined);
    if (real !== undefined) candidates.add(real);
  }
  const probed = await Promise.all([...candidates].map(probe));
  const found = new Map<string, Interpreter>();
  for (const interpreter of probed) {
    if (interpreter !== undefined && !found.has(interpreter.path))
      found.set(interpreter.path, interpreter);
  }
  return [...found.values()];
}

async function candidatePaths(options: FindOptions): Promise<readonly string[]> {
  const names = ["python3", "python"];
  for (let minor = MINOR_MIN; minor <= MINOR_MAX; minor += 1) names.push(`python3.${minor}`);
  const directories = options.path.split(":").filter((directory) => directory !== "");
  // A shim decides by the directory it is called in, and costs 70 ms to do so.
  const isShims = (directory: string) => basename(directory) === "shims";
  const onPath = directories
    .filter((directory) => !isShims(directory))
    .flatMap((directory) => names.map((name) => join(directory, name)));
  const managers = new Set([
    options.pyenvRoot ?? join(options.userHome, ".pyenv"),
    ...directories.filter(isShims).map(dirname),
  ]);
  const managed = await Promise.all([
    ...[...managers].map((root) => versionsIn(join(root, "versions"))),
    versionsIn(join(options.userHome, ".local", "share", "uv", "python")),
  ]);
  const preferred = options.preferred === undefined ? [] : [options.preferred];
  return [...preferred, ...onPath, ...managed.flat()];
}

async function versionsIn(directory: string): Promise<readonly string[]> {
  // Most machines have neither; that is no failure.
  const names = await readdir(directory).catch(() => []);
  return names.map((name) => join(directory, name, "bin", "python3"));
}

async function probe(path: string): Promise<Interpreter | undefined> {
  try {
    const { stdout } = await execute(path, ["-S", "-E", "-c", PROBE], {
      timeout: PROBE_TIMEOUT_MS,
    });
    const [implementation, version = "", executable = ""] = stdout.trim().split("\n");
    const minor = Number(version.split(".")[1]);
    if (implementation !== "cpython" || !version.startsWith("3.") || minor < MINOR_MIN)
      return undefined;
    return { path: await realpath(executable), version };
  } catch {
    // Not a Python, or a broken one: then it is not one to choose from.
    return undefined;
  }
}
