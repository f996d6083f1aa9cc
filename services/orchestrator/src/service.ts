import { createRelay, createSequencer, outboxTable } from "@tidemill/eventing";
import {
  type Clock,
  type IdSource,
  onStart,
  onStop,
  type Service,
  serviceGroup,
  systemClock,
  uuidv7Source,
} from "@tidemill/lifecycle";
import { createDatabase, createPartitionKeeper, migrate, pageTokens } from "@tidemill/postgres";
import { createRpcServer, serving } from "@tidemill/rpc";
import { createLogger, createTelemetry, type Logger, type Telemetry } from "@tidemill/telemetry";
import type { OrchestratorConfig } from "./config.ts";
import { SPEC_UPLOAD_BYTES_MAX } from "./domain/limits.ts";
import { createEngine, type Engine, type EngineTiming } from "./engine/engine.ts";
import { createPlanCache } from "./engine/plan-cache.ts";
import { createAnswerOnce } from "./operations/answer-once.ts";
import { readKeptSpec } from "./operations/read-source.ts";
import { createArtifactLogs } from "./rpc/artifact-logs.ts";
import { eventHandlers } from "./rpc/event-handlers.ts";
import { pipelineHandlers } from "./rpc/pipeline-handlers.ts";
import { runHandlers } from "./rpc/run-handlers.ts";
import { workerHandlers } from "./rpc/worker-handlers.ts";
import { createArtifactBlobs } from "./store/artifact-blobs.ts";
import { commitUrl } from "./store/commit-url.ts";
import { orchestratorMigrations } from "./store/migrations.ts";
import { runTables } from "./store/run-tables.ts";

export { orchestratorMigrations };

/** What a test puts in place of the real thing. */
export interface OrchestratorOverrides {
  readonly clock?: Clock;
  readonly ids?: IdSource;
  readonly log?: Logger;
  readonly telemetry?: Telemetry;
  readonly timing?: Partial<EngineTiming>;
}

/** The whole service. Ports are known once it has started. */
export interface OrchestratorService extends Service {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly engine: Engine;
}

const SERVICE = "orchestrator";
const DAY_MS = 24 * 60 * 60 * 1000;
const POOL_MAX = 10;
/** Two commits under way, and what their retries need. */
const COMMIT_POOL_MAX = 3;
/** A specification and what stands around it. */
const MESSAGE_BYTES_MAX = SPEC_UPLOAD_BYTES_MAX + 1024 * 1024;

export function createOrchestratorService(
  config: OrchestratorConfig,
  overrides: OrchestratorOverrides = {},
): OrchestratorService {
  const clock = overrides.clock ?? systemClock;
  const ids = overrides.ids ?? uuidv7Source(clock);
  const log = overrides.log ?? createLogger({ service: SERVICE, level: config.logLevel });
  const telemetry =
    overrides.telemetry ?? createTelemetry({ service: SERVICE, otlpEndpoint: config.otlpEndpoint });
  const owner = `${SERVICE}/${ids.next()}`;
  const { database, commitDatabase } = databasesOf(config, { log, telemetry, owner });
  const tables = [outboxTable(database), ...runTables(database, config.runsRetentionDays * DAY_MS)];
  const partitions = createPartitionKeeper({ database, tables, clock, log });
  const relay = createRelay({ database, nats: config.nats, service: SERVICE, log, telemetry });
  const onPositions = (last: number) => relay.wake(last);
  const sequencer = createSequencer({ database, log, telemetry, onPositions });
  const blobs = createArtifactBlobs({ baseUrl: config.artifactsHttp });
  const plans = createPlanCache((digest) => readKeptSpec({ database, blobs }, digest));
  const engine = createEngine({
    commitDatabase,
    database,
    owner,
    plans,
    ids,
    clock,
    log,
    telemetry,
    onCommit: () => sequencer.wake(),
    timing: overrides.timing,
  });
  const logs = createArtifactLogs(config.artifactsGrpc);
  const answers = createAnswerOnce({ database });
  const tokens = pageTokens(config.pageTokenKey);
  const ctx = { database, engine, plans, blobs, tokens, clock, ids, answers, logs };
  const server = createRpcServer({
    name: SERVICE,
    log,
    telemetry,
    host: config.host,
    httpPort: config.httpPort,
    grpcPort: config.grpcPort,
    allowedHosts: config.allowedHosts,
    services: [
      pipelineHandlers(ctx),
      runHandlers(ctx),
      workerHandlers({ engine, workerToken: config.workerToken }),
      eventHandlers(database),
    ],
    limits: { messageBytesMax: MESSAGE_BYTES_MAX },
  });
  const group = serviceGroup([
    { name: "telemetry", service: telemetry },
    { name: "database", service: database },
    { name: "commit database", service: commitDatabase },
    { name: "schema", service: onStart(() => migrate(database, orchestratorMigrations, log)) },
    { name: "partitions", service: partitions },
    { name: "relay", service: relay },
    { name: "sequencer", service: sequencer },
    { name: "logs", service: onStop(() => logs.close()) },
    { name: "engine", service: engine },
    { name: "server", service: serving(server) },
  ]);
  return {
    ...group,
    engine,
    get httpPort() {
      return server.httpPort;
    },
    get grpcPort() {
      return server.grpcPort;
    },
  };
}

/** One database twice: commits have connections of their own and never wait behind a query. */
function databasesOf(
  { postgres }: OrchestratorConfig,
  { log, telemetry, owner }: { log: Logger; telemetry: Telemetry; owner: string },
) {
  const connection = { ...postgres, log, telemetry, applicationName: owner };
  const url = commitUrl(postgres.url);
  return {
    database: createDatabase({ ...connection, poolMax: POOL_MAX }),
    commitDatabase: createDatabase({ ...connection, url, poolMax: COMMIT_POOL_MAX }),
  };
}
