import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitForServing } from "@tidemill/rpc";
import {
  freePort,
  type TestDatabase,
  type TestPostgres,
  tempDir,
  testDatabase,
} from "@tidemill/testing";
import { orchestratorMigrations } from "../src/index.ts";
import { assertRunsFold } from "./assert-runs-fold.ts";
import { type FakeWorker, type FakeWorkerOptions, startFakeWorker } from "./fake-worker.ts";
import { type Clients, connect, NO_SERVER, WORKER_TOKEN } from "./helpers.ts";

/** An orchestrator in a process of its own, to be killed. */
export interface OrchestratorProcess extends Clients {
  readonly database: TestDatabase;
  readonly address: string;
  readonly httpPort: number;
  worker(options?: Partial<FakeWorkerOptions>): FakeWorker;
  kill9(): Promise<void>;
  /** Starts it again on the same ports and database. */
  restart(): Promise<void>;
  /** Ends it in order, and checks every run that the test made. */
  stop(): Promise<void>;
  /** What `await using` does when a test fails half-way. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ProcessOptions {
  readonly database?: TestDatabase;
  readonly nats?: { readonly url: string; readonly token: string };
}

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export async function startOrchestratorProcess(
  postgres: TestPostgres,
  options: ProcessOptions = {},
): Promise<OrchestratorProcess> {
  const database = options.database ?? (await testDatabase(postgres, orchestratorMigrations));
  const directory = tempDir("orchestrator");
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const file = async (name: string, content: string | Uint8Array) => {
    await writeFile(join(directory, name), content);
    return join(directory, name);
  };
  const env = {
    PATH: process.env.PATH,
    TIDEMILL_LOG_LEVEL: "error",
    TIDEMILL_ORCHESTRATOR_HTTP_PORT: String(httpPort),
    TIDEMILL_ORCHESTRATOR_GRPC_PORT: String(grpcPort),
    TIDEMILL_ARTIFACTS_HTTP: `http://${NO_SERVER}`,
    TIDEMILL_ARTIFACTS_GRPC: NO_SERVER,
    TIDEMILL_POSTGRES_URL: database.url,
    TIDEMILL_NATS_URL: options.nats?.url ?? `nats://${NO_SERVER}`,
    TIDEMILL_NATS_TOKEN_FILE: await file("nats-token", options.nats?.token ?? "none"),
    TIDEMILL_WORKER_TOKEN_FILE: await file("worker-token", WORKER_TOKEN),
    TIDEMILL_PAGE_TOKEN_KEY_FILE: await file("page-token-key", randomBytes(32)),
  };
  const address = `127.0.0.1:${grpcPort}`;
  let child: ChildProcess;

  async function start(): Promise<void> {
    child = spawn(process.execPath, [main], { env, stdio: ["ignore", "inherit", "inherit"] });
    await waitForServing(address);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  await start();
  const clients = connect(address);
  const workers: FakeWorker[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopOnce();
    return stopped;
  };
  return {
    ...clients,
    database,
    address,
    httpPort,
    worker(workerOptions = {}) {
      const defaults = { address: () => address, token: WORKER_TOKEN };
      const worker = startFakeWorker({ ...defaults, ...workerOptions });
      workers.push(worker);
      return worker;
    },
    kill9: () => end("SIGKILL"),
    restart: start,
    stop,
    [Symbol.asyncDispose]: stop,
  };

  async function stopOnce(): Promise<void> {
    await Promise.all(workers.map((worker) => worker.stop()));
    clients.close();
    await end("SIGTERM");
    await assertRunsFold(database.database);
    if (options.database === undefined) await database.drop();
    await rm(directory, { recursive: true, force: true });
  }
}
