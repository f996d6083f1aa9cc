import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { EventService } from "@tidemill/proto/tidemill/orchestrator/v1/event_service_pb.ts";
import { PipelineService } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import { type Run, RunState, type Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import {
  type CreateRunRequestSchema,
  RunService,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { createMeshClient, type MeshClient } from "@tidemill/rpc";
import { silentLogger } from "@tidemill/telemetry";
import { type TestDatabase, type TestPostgres, testDatabase } from "@tidemill/testing";
import {
  createOrchestratorService,
  type OrchestratorConfig,
  type OrchestratorOverrides,
  type OrchestratorService,
  orchestratorMigrations,
  RUNS_RETENTION_DAYS,
} from "../src/index.ts";
import { assertRunsFold } from "./assert-runs-fold.ts";
import { type FakeWorker, type FakeWorkerOptions, startFakeWorker } from "./fake-worker.ts";

export const WORKER_TOKEN = "a worker's token";

/** Nobody listens there: runs go on, and events wait. */
export const NO_SERVER = "127.0.0.1:1";

export interface Clients {
  readonly runs: MeshClient<typeof RunService>;
  readonly pipelines: MeshClient<typeof PipelineService>;
  readonly events: MeshClient<typeof EventService>;
  close(): void;
}

export interface TestOrchestrator extends Clients {
  readonly config: OrchestratorConfig;
  readonly database: TestDatabase;
  readonly service: OrchestratorService;
  readonly address: string;
  worker(options?: Partial<FakeWorkerOptions>): FakeWorker;
  /** Stops the workers and the service, and checks every run that the test made. */
  stop(): Promise<void>;
  /** What `await using` does when a test fails half-way. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StartOptions {
  readonly config?: Partial<OrchestratorConfig>;
  readonly overrides?: OrchestratorOverrides;
  /** One more orchestrator on the same database. */
  readonly database?: TestDatabase;
}

export async function startOrchestrator(
  postgres: TestPostgres,
  options: StartOptions = {},
): Promise<TestOrchestrator> {
  const database = options.database ?? (await testDatabase(postgres, orchestratorMigrations));
  const config: OrchestratorConfig = { ...configFor(database.url), ...options.config };
  const service = createOrchestratorService(config, { log: silentLogger, ...options.overrides });
  await service.start();
  const address = `127.0.0.1:${service.grpcPort}`;
  const clients = connect(address);
  const workers: FakeWorker[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopOnce();
    return stopped;
  };
  return {
    ...clients,
    config,
    database,
    service,
    address,
    worker(workerOptions = {}) {
      const worker = startFakeWorker({
        address: () => address,
        token: WORKER_TOKEN,
        ...workerOptions,
      });
      workers.push(worker);
      return worker;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };

  async function stopOnce(): Promise<void> {
    await Promise.all(workers.map((worker) => worker.stop()));
    clients.close();
    await service.stop();
    await assertRunsFold(database.database);
    if (options.database === undefined) await database.drop();
  }
}

export function configFor(url: string): OrchestratorConfig {
  return {
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    allowedHosts: [],
    postgres: { url },
    nats: { url: `nats://${NO_SERVER}` },
    artifactsHttp: `http://${NO_SERVER}`,
    artifactsGrpc: NO_SERVER,
    workerToken: WORKER_TOKEN,
    pageTokenKey: randomBytes(32),
    runsRetentionDays: RUNS_RETENTION_DAYS,
    logLevel: "error",
  };
}

export function connect(address: string): Clients {
  const messageBytesMax = 33 * 1024 * 1024;
  const runs = createMeshClient(RunService, { address, messageBytesMax });
  const pipelines = createMeshClient(PipelineService, { address, messageBytesMax });
  const events = createMeshClient(EventService, { address });
  return {
    runs,
    pipelines,
    events,
    close() {
      for (const client of [runs, pipelines, events]) client.close();
    },
  };
}

export function specBytes(document: object): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(JSON.stringify(document), "utf8"));
}

type CreateRunInit = Omit<MessageInitShape<typeof CreateRunRequestSchema>, "$typeName">;

export async function createRun(
  { runs }: Pick<Clients, "runs">,
  document: object,
  more: CreateRunInit = {},
): Promise<Run> {
  const source = { source: { case: "spec", value: specBytes(document) } } as const;
  const { run } = await runs.createRun({ pipeline: { case: "source", value: source }, ...more });
  assert(run !== undefined);
  return run;
}

const finalStates: readonly RunState[] = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED];

export function isEnded(run: Run | undefined): boolean {
  return run !== undefined && finalStates.includes(run.state);
}

/** Watches a run to its end and answers it. */
export async function ended({ runs }: Pick<Clients, "runs">, run: Run): Promise<Run> {
  const { id: runId, namespace } = run;
  const signal = AbortSignal.timeout(20_000);
  for await (const change of runs.watchRun({ runId, namespace }, { signal })) {
    if (change.run !== undefined && isEnded(change.run)) return change.run;
  }
  throw new Error(`the watch of run ${runId} ended before the run`);
}

export async function tasksOf({ runs }: Pick<Clients, "runs">, run: Run): Promise<Task[]> {
  const { id: runId, namespace } = run;
  const tasks: Task[] = [];
  let pageToken = "";
  do {
    const page = await runs.listTasks({ runId, namespace, pageToken });
    tasks.push(...page.tasks);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return tasks;
}
