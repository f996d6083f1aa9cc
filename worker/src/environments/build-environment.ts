import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { EnvironmentSpec } from "./environment-spec.ts";
import type { InstallStep } from "./install-script.ts";
import type { InstallerSettings } from "./pip-settings.ts";
import type { Uv } from "./uv.ts";

const execute = promisify(execFile);

export interface BuildContext {
  readonly uv: Uv;
  readonly kfpWheel: string;
  readonly settings: InstallerSettings;
}

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
    await context.uv(["venv", "--quiet", "--no-project", "--python", path, directory]);
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
  const { settings } = context;
  const flags = [...settings.flags];
  for (const host of index.trustedHosts) flags.push("--allow-insecure-host", host);
  const extraIndexUrls = [...settings.extraIndexUrls, ...index.extraIndexUrls];
  // pip takes the best version of all indexes; uv by itself only looks at the first that has one.
  if (extraIndexUrls.length > 0) flags.push("--index-strategy", "unsafe-best-match");
  if (step.noDeps) flags.push("--no-deps");
  // An index that the component names takes the place of the configured one, as with pip.
  const indexUrl = index.indexUrl ?? settings.indexUrl;
  await install(context, directory, [...flags, "--", ...step.requirements], {
    ...(indexUrl === undefined ? {} : { UV_DEFAULT_INDEX: indexUrl }),
    ...(extraIndexUrls.length === 0 ? {} : { UV_INDEX: extraIndexUrls.join(" ") }),
  });
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
    await context.uv(["pip", "install", "--python", pythonIn(directory), ...flags]);
  } catch {
    // Debian keeps ensurepip in a package of its own. Without it the environment has no pip.
  }
}

async function install(
  context: BuildContext,
  directory: string,
  rest: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const target = ["--python", pythonIn(directory), "--compile-bytecode"];
  await context.uv(["pip", "install", ...target, ...rest], variables);
}

/** The interpreter of the environment in `directory`. */
export function pythonIn(directory: string): string {
  return join(directory, "bin", "python");
}
