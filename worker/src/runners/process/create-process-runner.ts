import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { Logger } from "@tidemill/telemetry";
import type { WorkerConfig } from "../../config.ts";
import { Environments } from "../../environments/environments.ts";
import { findInterpreters } from "../../environments/find-interpreters.ts";
import { Launcher } from "./launcher.ts";
import { ProcessRunner } from "./process-runner.ts";

/** Of a zygote's directory for rehearsals, which zygote.py makes. */
const REHEARSAL = "rehearsal-";

const SWEEP_RETRIES_MAX = 3;

/** The process runner with the interpreters of this machine and the environments of the home. */
export async function createProcessRunner(
  config: WorkerConfig,
  { zygoteIdleMs }: { readonly zygoteIdleMs?: number },
  log: Logger,
): Promise<ProcessRunner> {
  const zygotes = join(config.home, "zygotes");
  sweepScratch(zygotes, log);
  mkdirSync(zygotes, { recursive: true, mode: 0o700 });
  // Zygotes that were killed leave theirs behind.
  for (const name of readdirSync(zygotes).filter((found) => found.startsWith(REHEARSAL))) {
    rmSync(join(zygotes, name), { recursive: true, force: true });
  }
  const hostPath = hostPathOf(config.env.PATH ?? "");
  const interpreters = await findInterpreters({
    preferred: config.python,
    path: config.env.PATH ?? "",
    userHome: config.env.HOME ?? homedir(),
    pyenvRoot: config.env.PYENV_ROOT,
  });
  const python = interpreters[0]?.path ?? config.python;
  const zygoteEnv = {
    PATH: hostPath,
    HOME: zygotes,
    TZ: "UTC",
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    PYTHONUNBUFFERED: "1",
    TIDEMILL_HOME: config.env.TIDEMILL_HOME ?? "",
  };
  const shared = {
    ahead: config.slots + 1,
    env: zygoteEnv,
    log,
    ...(zygoteIdleMs === undefined ? {} : { idleMs: zygoteIdleMs }),
  };
  const launcher = new Launcher({ python, directory: zygotes, ...shared });
  const environments = new Environments({
    directory: join(config.home, "environments"),
    uv: config.uv,
    kfpWheel: config.kfpWheel,
    python,
    env: config.env,
    log,
    run: (argv, env) => launcher.runHelper(argv, env),
  });
  await environments.sweep();
  return new ProcessRunner({
    launcher,
    environments,
    interpreters,
    ahead: config.slots + 1,
    hostPath,
    zygoteEnv,
    log,
    ...(zygoteIdleMs === undefined ? {} : { zygoteIdleMs }),
  });
}

/** What a worker that was killed has left there serves nobody. */
function sweepScratch(directory: string, log: Logger): void {
  try {
    rmSync(directory, { recursive: true, force: true, maxRetries: SWEEP_RETRIES_MAX });
  } catch (error) {
    // A process of that worker is still ending. What it leaves goes at the next start.
    log.info("scratch files of an earlier worker are still there", { directory, error });
  }
}

/** Where this machine's programs are: not those of the project, nor shims that choose one. */
function hostPathOf(path: string): string {
  return path
    .split(delimiter)
    .filter((directory) => directory !== "" && !/(^|\/)(node_modules|shims)(\/|$)/.test(directory))
    .join(delimiter);
}
