import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Ports, portsAt } from "@tidemill/config";
import { waitForServing } from "@tidemill/rpc";
import { tempHome, tools, toolsDirectory } from "@tidemill/testing";
import { freePortOffset } from "./free-port-offset.ts";
import { tidemillBin } from "./root.ts";
import {
  type CommandOptions,
  type CommandResult,
  type RunningCommand,
  startCommand,
} from "./run-command.ts";

/** A mesh as a user has one: started by the command line, with a home and ports of its own. */
export interface TestMesh {
  readonly home: string;
  readonly portOffset: number;
  readonly ports: Ports;
  /** `tidemill ...` against this mesh. */
  cli(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  startCli(args: readonly string[], options?: CommandOptions): RunningCommand;
  /** The document that a command prints with `--json`; fails unless it ends with `exitCode`. */
  json(args: readonly string[], exitCode?: number): Promise<Json>;
  /** Process ids by name, the supervisor's as `supervisor`, from the record in the home. */
  pids(): Readonly<Record<string, number>>;
  /** The command `tidemill up` itself; absent for a mesh that another process started. */
  readonly up: RunningCommand | undefined;
  /** Resolves once every service answers SERVING. */
  serving(timeoutMs?: number): Promise<void>;
  /** Starts it again after it ended. */
  restart(): Promise<void>;
  stop(): Promise<CommandResult | undefined>;
}

/** What a command printed, as a test looks at it. */
// biome-ignore lint/suspicious/noExplicitAny: tests read documents whose shape they assert
export type Json = any;

export interface TestMeshOptions {
  readonly home?: string;
  readonly portOffset?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/** Home and port offset of a mesh that a whole test run shares: `<offset>:<home>`. */
export const TEST_MESH_VARIABLE = "TIDEMILL_TEST_MESH";
/** The first start of a home downloads tools and makes a database. */
const SERVING_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const HOUR_MS = 3_600_000;

let own: Promise<TestMesh> | undefined;

/** The mesh of this test run, or else one of this file's own, which ends with its tests. */
export async function sharedMesh(): Promise<TestMesh> {
  const shared = /^(\d+):(.+)$/.exec(process.env[TEST_MESH_VARIABLE] ?? "");
  if (shared?.[1] !== undefined && shared[2] !== undefined) {
    return attach({ home: shared[2], portOffset: Number(shared[1]) });
  }
  own ??= startTestMesh();
  return own;
}

/** Stops what `sharedMesh` started; nothing when the mesh belongs to the whole test run. */
export async function leaveSharedMesh(): Promise<void> {
  if (own !== undefined) await (await own).stop();
}

/** Starts a mesh and waits until it serves. It ends with the test's process. */
export async function startTestMesh(options: TestMeshOptions = {}): Promise<TestMesh> {
  const home = options.home ?? tempHome();
  await lendTools(home);
  const portOffset = options.portOffset ?? (await freePortOffset());
  const mesh = attach({ ...options, home, portOffset });
  await mesh.restart();
  return mesh;
}

/** Downloaded tools are shared by all tests of a user: a home gets links to them. */
export async function lendTools(home: string): Promise<void> {
  const { uv, kfpWheel, natsServer } = await tools();
  const lent = join(home, "tools");
  mkdirSync(lent, { recursive: true, mode: 0o700 });
  // By this a start knows that the directory is a home whose first start was cut short.
  mkdirSync(join(home, "credentials"), { recursive: true, mode: 0o700 });
  const homesOfTools = [dirname(kfpWheel), dirname(dirname(dirname(uv)))];
  // One that was found on PATH is none of them, and will be found there again.
  if (natsServer.startsWith(toolsDirectory())) {
    homesOfTools.push(dirname(dirname(dirname(natsServer))));
  }
  for (const path of homesOfTools) {
    if (!existsSync(join(lent, basename(path)))) symlinkSync(path, join(lent, basename(path)));
  }
}

function attach(options: TestMeshOptions & { home: string; portOffset: number }): TestMesh {
  const { home, portOffset } = options;
  const ports = portsAt(portOffset);
  let up: RunningCommand | undefined;
  const startCli = (args: readonly string[], commandOptions: CommandOptions = {}) =>
    startCommand(
      [process.execPath, tidemillBin, "--home", home, "--port-offset", `${portOffset}`, ...args],
      { ...commandOptions, env: { ...options.env, ...commandOptions.env } },
    );
  const cli = (args: readonly string[], commandOptions?: CommandOptions) =>
    startCli(args, commandOptions).ended;

  async function serving(timeoutMs = SERVING_TIMEOUT_MS): Promise<void> {
    const grpc = [ports.artifactsGrpc, ports.orchestratorGrpc, ports.worker];
    const abort = new AbortController();
    const ended = up?.ended.then((result) => {
      throw new Error(`the mesh ended with ${result.exitCode}: ${result.stdout}${result.stderr}`);
    });
    const signal = abort.signal;
    const all = Promise.all(
      grpc.map((port) => waitForServing(`127.0.0.1:${port}`, { signal, timeoutMs })),
    );
    try {
      await (ended === undefined ? all : Promise.race([all, ended]));
    } finally {
      abort.abort();
      ended?.catch(() => {});
    }
  }

  return {
    home,
    portOffset,
    ports,
    cli,
    startCli,
    serving,
    get up() {
      return up;
    },
    async json(args, exitCode = 0) {
      const result = await cli([...args, "--json"]);
      if (result.exitCode !== exitCode) {
        throw new Error(`${args.join(" ")} ended with ${result.exitCode}: ${outputOf(result)}`);
      }
      return JSON.parse(result.stdout);
    },
    pids: () => readPids(home),
    async restart() {
      up = startCli(["up", ...(options.args ?? [])], { timeoutMs: HOUR_MS });
      const started = up.process;
      process.once("exit", () => started.kill("SIGKILL"));
      await serving();
    },
    async stop() {
      if (up === undefined) return undefined;
      up.process.kill("SIGINT");
      const timer = setTimeout(() => up?.process.kill("SIGKILL"), STOP_TIMEOUT_MS);
      const result = await up.ended;
      clearTimeout(timer);
      return result;
    },
  };
}

function readPids(home: string): Record<string, number> {
  const path = join(home, "run", "supervisor.json");
  if (!existsSync(path)) return {};
  const record: Json = JSON.parse(readFileSync(path, "utf8"));
  const entries = Object.entries<Json>(record.processes).flatMap(([name, { pid }]) =>
    typeof pid === "number" ? [[name, pid] as const] : [],
  );
  return { ...Object.fromEntries(entries), supervisor: record.pid };
}

function outputOf(result: CommandResult): string {
  return `${result.stdout}${result.stderr}`;
}
