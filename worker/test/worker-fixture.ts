import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tidemill/telemetry";
import { tempDir, tools } from "@tidemill/testing";
import type { WorkerConfig } from "../src/config.ts";
import { Environments } from "../src/environments/environments.ts";
import { findInterpreters } from "../src/environments/find-interpreters.ts";
import { Launcher } from "../src/runners/process/launcher.ts";
import { ProcessRunner } from "../src/runners/process/process-runner.ts";
import { WORKER_TOKEN } from "./fake-orchestrator.ts";

interface Address {
  readonly address: string;
}

interface ArtifactAddresses {
  readonly http: string;
  readonly grpc: string;
}

const GIB = 1024 ** 3;

/** A worker's settings with real tools, two slots and free ports. */
export async function workerConfig(
  home: string,
  orchestrator: Address,
  artifacts: ArtifactAddresses,
): Promise<WorkerConfig> {
  const toolbox = await tools();
  return {
    home,
    host: "127.0.0.1",
    allowedHosts: [],
    port: 0,
    token: WORKER_TOKEN,
    orchestratorGrpc: orchestrator.address,
    logLevel: "info",
    env: ownEnv(),
    artifactsHttp: artifacts.http,
    artifactsGrpc: artifacts.grpc,
    slots: 2,
    memoryBytes: 8 * GIB,
    telemetry: { samplingRatio: 1 },
    uv: toolbox.uv,
    kfpWheel: toolbox.kfpWheel,
    python: toolbox.python.path,
  };
}

function ownEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}

export interface RunnerFixture {
  readonly runner: ProcessRunner;
  readonly directory: string;
  readonly environments: Environments;
  readonly launcher: Launcher;
}

/** Environments of tests are shared by the files of a run: making one takes seconds. */
export const sharedEnvironments = tempDir("environments");

/** A process runner with everything real, in a home of its own. */
export async function createRunnerFixture(): Promise<RunnerFixture> {
  const toolbox = await tools();
  const directory = tempDir("runner");
  const env = ownEnv();
  const zygotes = join(directory, "zygotes");
  mkdirSync(zygotes);
  const python = toolbox.python.path;
  const zygoteEnv = {
    PATH: env.PATH ?? "",
    HOME: zygotes,
    LC_ALL: "C.UTF-8",
    PYTHONUNBUFFERED: "1",
  };
  const shared = { ahead: 3, env: zygoteEnv, log: silentLogger };
  const launcher = new Launcher({ python, directory: zygotes, ...shared });
  const environments = new Environments({
    directory: sharedEnvironments,
    uv: toolbox.uv,
    kfpWheel: toolbox.kfpWheel,
    python,
    env,
    log: silentLogger,
    run: (argv, variables) => launcher.runHelper(argv, variables),
  });
  const interpreters = await findInterpreters({
    preferred: python,
    path: env.PATH ?? "",
    userHome: homedir(),
  });
  const runner = new ProcessRunner({
    launcher,
    environments,
    interpreters,
    ahead: 3,
    hostPath: env.PATH ?? "",
    zygoteEnv,
    log: silentLogger,
  });
  return { runner, directory, environments, launcher };
}
