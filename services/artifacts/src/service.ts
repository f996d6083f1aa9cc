import { fileURLToPath } from "node:url";
import { createRelay, createSequencer, eventingMigrations, outboxTable } from "@tidemill/eventing";
import {
  type Clock,
  type IdSource,
  onStart,
  type Service,
  serviceGroup,
  systemClock,
  uuidv7Source,
} from "@tidemill/lifecycle";
import {
  createDatabase,
  createPartitionKeeper,
  type MigrationSource,
  migrate,
  pageTokens,
  postgresMigrations,
} from "@tidemill/postgres";
import { createRpcServer, serving } from "@tidemill/rpc";
import { createLogger, createTelemetry, type Logger, type Telemetry } from "@tidemill/telemetry";
import { BlobStore } from "./blobs/blob-store.ts";
import { OpenLogs } from "./blobs/open-logs.ts";
import type { ArtifactsConfig } from "./config.ts";
import { artifactHandlers } from "./rpc/artifact-handlers.ts";
import { createBlobMetrics } from "./rpc/blob-metrics.ts";
import { createBlobRoutes } from "./rpc/blob-routes.ts";
import { eventHandlers } from "./rpc/event-handlers.ts";
import { logHandlers } from "./rpc/log-handlers.ts";
import { artifactsTable } from "./store/artifacts.ts";
import { findLog, logsTable } from "./store/logs.ts";
import { reachDatabase } from "./store/reach-database.ts";
import { createBlobRows, createLogRows } from "./store/row-writers.ts";

/** What a test puts in place of the real thing. */
export interface ArtifactsOverrides {
  readonly clock?: Clock;
  readonly ids?: IdSource;
  readonly log?: Logger;
  readonly telemetry?: Telemetry;
}

/** The whole service. Ports are known once it has started. */
export interface ArtifactsService extends Service {
  readonly httpPort: number;
  readonly grpcPort: number;
}

const SERVICE = "artifacts";
const DAY_MS = 24 * 60 * 60 * 1000;
const POOL_MAX = 12;

/** In the order in which they are applied. */
export const artifactsMigrations: readonly MigrationSource[] = [
  postgresMigrations,
  eventingMigrations,
  { name: SERVICE, directory: fileURLToPath(new URL("../migrations", import.meta.url)) },
];

export function createArtifactsService(
  config: ArtifactsConfig,
  overrides: ArtifactsOverrides = {},
): ArtifactsService {
  const clock = overrides.clock ?? systemClock;
  const ids = overrides.ids ?? uuidv7Source(clock);
  const log = overrides.log ?? createLogger({ service: SERVICE, level: config.logLevel });
  const telemetry =
    overrides.telemetry ?? createTelemetry({ service: SERVICE, otlpEndpoint: config.otlpEndpoint });
  const db = createDatabase({
    ...config.postgres,
    poolMax: POOL_MAX,
    log,
    telemetry,
    applicationName: `tidemill-${SERVICE}`,
  });
  const tables = [outboxTable(db), artifactsTable, logsTable(config.logsRetentionDays * DAY_MS)];
  const partitions = createPartitionKeeper({ database: db, tables, clock, log });
  const relay = createRelay({ database: db, nats: config.nats, service: SERVICE, log, telemetry });
  const onPositions = (last: number) => relay.wake(last);
  const sequencer = createSequencer({ database: db, log, telemetry, onPositions });
  const blobs = new BlobStore({
    directory: config.directory,
    sizeBytesMax: config.blobBytesMax,
  });
  const logs = new OpenLogs({
    layout: blobs.layout,
    directories: blobs.directories,
    sizeBytesMax: config.logBytesMax,
    find: (key) => findLog(db, key),
  });
  const blobRows = createBlobRows({ database: db, log, telemetry });
  const logRows = createLogRows({ database: db, log, telemetry, clock });
  const tokens = pageTokens(config.pageTokenKey);
  const ctx = { db, blobs, logs, blobRows, logRows, sequencer, tokens, clock, ids, log };
  const metrics = createBlobMetrics(telemetry);
  const server = createRpcServer({
    name: SERVICE,
    log,
    telemetry,
    host: config.host,
    httpPort: config.httpPort,
    grpcPort: config.grpcPort,
    allowedHosts: config.allowedHosts,
    services: [artifactHandlers(ctx), logHandlers(ctx), eventHandlers(db)],
    http: createBlobRoutes({ ...ctx, metrics }),
  });
  const group = serviceGroup([
    { name: "telemetry", service: telemetry },
    { name: "database", service: { ...db, start: () => reachDatabase(db, log) } },
    { name: "migrations", service: onStart(() => migrate(db, artifactsMigrations, log)) },
    { name: "partitions", service: partitions },
    { name: "relay", service: relay },
    { name: "sequencer", service: sequencer },
    { name: "blobs", service: blobs },
    { name: "logs", service: logs },
    { name: "blob rows", service: blobRows },
    { name: "log rows", service: logRows },
    { name: "server", service: serving(server) },
  ]);
  return {
    ...group,
    get httpPort() {
      return server.httpPort;
    },
    get grpcPort() {
      return server.grpcPort;
    },
  };
}
