import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import type { NatsSettings } from "@tidemill/eventing";
import { systemClock, uuidv7Source } from "@tidemill/lifecycle";
import { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { EventService } from "@tidemill/proto/tidemill/artifacts/v1/event_service_pb.ts";
import { LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { createMeshClient, type MeshClient } from "@tidemill/rpc";
import { silentLogger } from "@tidemill/telemetry";
import {
  startPostgres,
  type TestDatabase,
  type TestPostgres,
  tempDir,
  testDatabase,
} from "@tidemill/testing";
import {
  type ArtifactsConfig,
  type ArtifactsOverrides,
  type ArtifactsService,
  artifactsMigrations,
  createArtifactsService,
  LOGS_RETENTION_DAYS,
} from "../src/index.ts";

export interface TestClients {
  readonly artifacts: MeshClient<typeof ArtifactService>;
  readonly logs: MeshClient<typeof LogService>;
  readonly events: MeshClient<typeof EventService>;
  close(): void;
}

export interface TestArtifacts extends TestClients {
  readonly config: ArtifactsConfig;
  readonly database: TestDatabase;
  readonly service: ArtifactsService;
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** Stops the service and starts another one on the same state. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Nobody listens there: the relay keeps trying, and everything else works. */
const NO_BROKER: NatsSettings = { url: "nats://127.0.0.1:1" };

export async function startArtifacts(
  options: {
    readonly postgres?: TestPostgres;
    readonly nats?: NatsSettings;
    readonly config?: Partial<ArtifactsConfig>;
    readonly overrides?: ArtifactsOverrides;
  } = {},
): Promise<TestArtifacts> {
  const postgres = options.postgres ?? (await startPostgres());
  const database = await testDatabase(postgres, artifactsMigrations);
  const nats = options.nats ?? NO_BROKER;
  const config: ArtifactsConfig = {
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    allowedHosts: [],
    directory: tempDir("artifacts"),
    blobBytesMax: 64 * 1024 * 1024,
    logBytesMax: 16 * 1024 * 1024,
    logsRetentionDays: LOGS_RETENTION_DAYS,
    postgres: { url: database.url },
    nats: { url: nats.url, ...(nats.token === undefined ? {} : { token: nats.token }) },
    pageTokenKey: randomBytes(32),
    logLevel: "error",
    ...options.config,
  };
  const start = async () => {
    const service = createArtifactsService(config, { log: silentLogger, ...options.overrides });
    await service.start();
    return { service, clients: connect(service.grpcPort) };
  };
  let running = await start();
  const end = async () => {
    running.clients.close();
    await running.service.stop();
  };
  return {
    config,
    database,
    get service() {
      return running.service;
    },
    get origin() {
      return `http://127.0.0.1:${running.service.httpPort}`;
    },
    get artifacts() {
      return running.clients.artifacts;
    },
    get logs() {
      return running.clients.logs;
    },
    get events() {
      return running.clients.events;
    },
    close: () => running.clients.close(),
    async restart() {
      await end();
      running = await start();
    },
    async stop() {
      await end();
      await database.drop();
      if (options.postgres === undefined) await postgres.stop();
      await rm(config.directory, { recursive: true, force: true });
    },
  };
}

export function connect(grpcPort: number): TestClients {
  const address = `127.0.0.1:${grpcPort}`;
  const artifacts = createMeshClient(ArtifactService, { address });
  const logs = createMeshClient(LogService, { address });
  const events = createMeshClient(EventService, { address });
  return {
    artifacts,
    logs,
    events,
    close() {
      for (const client of [artifacts, logs, events]) client.close();
    },
  };
}

const ids = uuidv7Source(systemClock);

/** A key of a log that nothing else in the test uses. */
export function newLogKey(options: { runId?: string; taskId?: string; stream?: string } = {}) {
  return {
    namespace: "default",
    runId: options.runId ?? ids.next(),
    taskId: options.taskId ?? "train",
    attempt: 1,
    stream: options.stream ?? "stdout",
  };
}

export async function putBlob(
  origin: string,
  bytes: Uint8Array,
  namespace = "default",
): Promise<{ digest: string; sizeBytes: number }> {
  const response = await fetch(`${origin}/v1/blobs`, {
    method: "POST",
    body: Buffer.from(bytes),
    headers: { "x-tidemill-namespace": namespace },
  });
  if (response.status !== 201) throw new Error(`POST answered ${await response.text()}`);
  return (await response.json()) as { digest: string; sizeBytes: number };
}
