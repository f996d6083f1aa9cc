import { createRequire } from "node:module";
import { join } from "node:path";
import {
  type Clock,
  type IdSource,
  type Service,
  systemClock,
  uuidv7Source,
  wait,
} from "@tidemill/lifecycle";
import { createRpcServer } from "@tidemill/rpc";
import { createLogger, createTelemetry, type Logger } from "@tidemill/telemetry";
import { ArtifactStore } from "./attempts/artifact-store.ts";
import { Attempts } from "./attempts/attempts.ts";
import { BlobClient } from "./attempts/blob-client.ts";
import { Lineage } from "./attempts/lineage.ts";
import { measureAttempts } from "./attempts/measure-attempts.ts";
import { RunDirectories } from "./attempts/run-directories.ts";
import type { WorkerConfig } from "./config.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { createProcessRunner } from "./runners/process/create-process-runner.ts";
import type { ProcessRunner } from "./runners/process/process-runner.ts";
import { claimHome, type HomeClaim } from "./stream/claim-home.ts";
import { createMeshClients } from "./stream/mesh-clients.ts";
import { WorkStream } from "./stream/work-stream.ts";
import { loadWorkerId } from "./stream/worker-identity.ts";

export interface WorkerOverrides {
  readonly clock?: Clock;
  readonly ids?: IdSource;
  readonly log?: Logger;
  readonly zygoteIdleMs?: number;
}

export interface WorkerServer extends Service {
  /** Bound port of health and metrics, once started. */
  readonly port: number;
  readonly workerId: string;
}

const { version: VERSION }: { version: string } = createRequire(import.meta.url)("../package.json");
/** Between TERM and KILL when the worker stops. */
const STOP_GRACE_MS = 10_000;
/** How long a stopping worker waits for its reports to be acknowledged, then for its logs. */
const FAREWELL_MS = 2_000;

/** The worker: everything is put together, started and stopped in this order. */
export function createWorkerService(
  config: WorkerConfig,
  overrides: WorkerOverrides = {},
): WorkerServer {
  const log = overrides.log ?? createLogger({ service: "worker", level: config.logLevel });
  const clock = overrides.clock ?? systemClock;
  const ids = overrides.ids ?? uuidv7Source(clock);
  const telemetry = createTelemetry({ service: "worker", ...config.telemetry });
  const workerId = loadWorkerId(config.home, () => ids.next());
  const server = createRpcServer({
    name: "worker",
    log,
    telemetry,
    host: config.host,
    httpPort: config.port,
    services: [],
    allowedHosts: config.allowedHosts,
  });
  const clients = createMeshClients(config);
  const blobs = new BlobClient(config.artifactsHttp);
  const directories = new RunDirectories(join(config.home, "runs"));
  const logsOver = new AbortController();
  const stream = new WorkStream({
    client: clients.orchestrator,
    workerId,
    instanceId: ids.next(),
    version: VERSION,
    slots: config.slots,
    log,
    onConnected: (connected) => server.setServing(connected),
  });
  let claim: HomeClaim | undefined;
  let runner: ProcessRunner | undefined;
  let attempts: Attempts | undefined;

  async function start(): Promise<void> {
    claim = await claimHome(config.home);
    await telemetry.start();
    await server.start();
    await directories.removeOld(clock.now());
    runner = await createProcessRunner(config, overrides, log);
    const { slots, memoryBytes } = config;
    attempts = new Attempts({
      context: {
        runner,
        directories,
        clock,
        log,
        resources: { slots, memoryBytes, watchesMemory: process.platform === "linux" },
        store: new ArtifactStore({ blobs, artifacts: clients.artifacts, log }),
        lineage: new Lineage(clients.artifacts, blobs),
      },
      shipLogs: ({ attempt, attemptNumber }, directory) =>
        new LogShipper({
          client: clients.logs,
          directory,
          log,
          signal: logsOver.signal,
          namespace: attempt?.namespace ?? "",
          runId: attempt?.runId ?? "",
          taskId: attempt?.taskId ?? "",
          attempt: attemptNumber,
          isBusy: () => attempts?.isBusy ?? false,
        }),
      send: (report) => stream.send(report),
      onFinished: measureAttempts(telemetry, () => attempts?.running ?? 0),
    });
    stream.attach(attempts);
    await stream.start();
  }

  /** Tasks first; what they could not finish is run again elsewhere, or after the next start. */
  async function stop(): Promise<void> {
    stream.drain();
    attempts?.stopAll("worker-stopping", STOP_GRACE_MS);
    await settle(attempts?.settled(), STOP_GRACE_MS + FAREWELL_MS);
    await stream.stop();
    await settle(attempts?.logsShipped(), FAREWELL_MS);
    logsOver.abort();
    await runner?.stop();
    clients.close();
    blobs.close();
    await server.stop();
    await telemetry.stop();
    await claim?.release();
  }

  return {
    workerId,
    get port() {
      return server.httpPort;
    },
    start,
    stop,
  };
}

/** Waits, but not for ever: whoever stops a worker wants it gone. */
async function settle(work: Promise<void> | undefined, timeoutMs: number): Promise<void> {
  const timeout = new AbortController();
  await Promise.race([work ?? Promise.resolve(), wait(timeoutMs, timeout.signal)]);
  timeout.abort();
}
