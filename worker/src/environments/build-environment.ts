import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { StateError } from "@tidemill/errors";
import type { EnvironmentSpec } from "./environment-spec.ts";
import type { IndexOptions, InstallStep } from "./install-script.ts";
import type { InstallerSettings } from "./pip-settings.ts";

const execute = promisify(execFile);

export interface InstallerResult {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end; both of its streams come back as one text. */
export type InstallerCommand = (
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
) => Promise<InstallerResult>;

export interface BuildContext {
  readonly uv: string;
  readonly kfpWheel: string;
  readonly cacheDirectory: string;
  readonly settings: InstallerSettings;
  /** What uv may see of this process's environment: PATH, HOME, proxies, `UV_*`. */
  readonly env: Readonly<Record<string, string>>;
  readonly run: InstallerCommand;
  onRemark(text: string): void;
}

const INSTALLER_MESSAGE_CHARS_MAX = 4_000;
const ENSUREPIP_TIMEOUT_MS = 10_000;
const FIND_PIP =
  "import ensurepip,glob,os;" +
  "d=[os.path.join(os.path.dirname(ensurepip.__file__),'_bundled'),'/usr/share/python-wheels'];" +
  "print(sorted(w for p in d for w in glob.glob(os.path.join(p,'pip-*.whl')))[0])";

/**
 * Makes an environment in `directory`: a venv, the packages in the component's own order, then the
 * pinned kfp runtime. Throws StateError INSTALL_FAILED with the installer's own message; whatever
 * was made so far is removed then.
 */
export async function buildEnvironment(
  context: BuildContext,
  spec: EnvironmentSpec,
  directory: string,
): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
    const { path } = spec.interpreter;
    await uv(context, ["venv", "--quiet", "--no-project", "--python", path, directory]);
    for (const step of spec.plan.steps) await installStep(context, spec, directory, step);
    if (spec.bundledKfp) {
      await install(context, directory, ["--no-deps", "--no-index", "--quiet", context.kfpWheel]);
    }
    await installPip(context, spec, directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function installStep(
  context: BuildContext,
  spec: EnvironmentSpec,
  directory: string,
  step: InstallStep,
): Promise<void> {
  const { index } = spec.plan;
  const flags = [...settingFlags(context.settings, index), ...indexFlags(index)];
  if (context.settings.manyIndexes || index.extraIndexUrls.length > 0) {
    // pip takes the best version of all indexes; uv by itself only looks at the first that has one.
    flags.push("--index-strategy", "unsafe-best-match");
  }
  if (step.noDeps) flags.push("--no-deps");
  await install(context, directory, [...flags, "--", ...step.requirements]);
}

/** Some user code calls pip; containers have one. The interpreter's own wheel needs no network. */
async function installPip(
  context: BuildContext,
  spec: EnvironmentSpec,
  directory: string,
): Promise<void> {
  try {
    const { stdout } = await execute(spec.interpreter.path, ["-S", "-E", "-c", FIND_PIP], {
      timeout: ENSUREPIP_TIMEOUT_MS,
    });
    const flags = ["--no-deps", "--no-index", "--quiet", stdout.trim()];
    await uv(context, ["pip", "install", "--python", pythonIn(directory), ...flags]);
  } catch {
    // Debian keeps ensurepip in a package of its own. Without it the environment has no pip.
  }
}

async function install(
  context: BuildContext,
  directory: string,
  rest: readonly string[],
): Promise<void> {
  const target = ["--python", pythonIn(directory), "--compile-bytecode"];
  await uv(context, ["pip", "install", ...target, ...rest]);
}

async function uv(context: BuildContext, args: readonly string[]): Promise<void> {
  const env = {
    ...context.env,
    ...context.settings.env,
    UV_PYTHON_DOWNLOADS: "never",
    UV_CACHE_DIR: context.cacheDirectory,
    UV_NO_PROGRESS: "1",
    NO_COLOR: "1",
  };
  const { code, output } = await context.run([context.uv, ...args], env);
  if (output.trim() !== "") context.onRemark(output.trim());
  if (code === 0) return;
  const message = output.trim().slice(-INSTALLER_MESSAGE_CHARS_MAX);
  throw new StateError(
    "INSTALL_FAILED",
    `packages could not be installed: ${message || `uv ended with exit code ${code}`}`,
  );
}

/** An index that the component names takes the place of the configured one, as with pip. */
function settingFlags(settings: InstallerSettings, index: IndexOptions): readonly string[] {
  if (index.indexUrl === undefined) return settings.flags;
  return settings.flags.filter((flag, at) => {
    return flag !== "--default-index" && settings.flags[at - 1] !== "--default-index";
  });
}

function indexFlags(index: IndexOptions): string[] {
  return [
    ...(index.indexUrl === undefined ? [] : ["--default-index", index.indexUrl]),
    ...index.extraIndexUrls.flatMap((url) => ["--index", url]),
    ...index.trustedHosts.flatMap((host) => ["--allow-insecure-host", host]),
  ];
}

/** The interpreter of the environment in `directory`. */
export function pythonIn(directory: string): string {
  return join(directory, "bin", "python");
}
