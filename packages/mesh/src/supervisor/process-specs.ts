import { join } from "node:path";
import type { Ports } from "@tidemill/config";
import { waitForServing } from "@tidemill/rpc/wait-for-serving";
import { readSecret } from "../home/credentials.ts";
import { natsReady, planNats } from "../servers/nats-server.ts";
import { type PostgresSite, planPostgres, postgresReady } from "../servers/postgres-server.ts";
import { CONNECTIONS_MAX } from "../servers/postgres-settings.ts";
import type { ProcessPlan } from "../servers/process-plan.ts";
import type { ProcessName } from "./run-record.ts";
import {
  planArtifacts,
  planOrchestrator,
  planWorker,
  type ServicePlanContext,
} from "./service-plans.ts";
import type { ProcessSpec } from "./supervised-process.ts";

/**
 * After a hard kill Postgres first replays its log, several GiB at the most. Whoever ended it then
 * would only make it begin anew.
 */
const POSTGRES_READY_MS = 15 * 60_000;
/** Long enough for a checkpoint of everything that is in memory. */
const POSTGRES_STOP_MS = 60_000;
const NATS_STOP_MS = 10_000;
const SERVICE_STOP_MS = 15_000;
/** Tasks get TERM and 10 s; then the worker still has to report. */
const WORKER_STOP_MS = 20_000;
const SERVING_MS_MAX = 60_000;

/** Everything that the supervisor starts, by name. */
export function processSpecs(
  context: ServicePlanContext,
  postgres: PostgresSite,
): Record<ProcessName, ProcessSpec> {
  const { layout, ports, credentials, tools } = context;
  const log = (name: ProcessName) => join(layout.logs, `${name}.log`);
  return {
    postgres: {
      name: "postgres",
      log: log("postgres"),
      // Fast shutdown: TERM would wait for every client to leave.
      stopSignal: "INT",
      stopMs: POSTGRES_STOP_MS,
      readyMs: POSTGRES_READY_MS,
      plan: () =>
        planPostgres(postgres, {
          port: ports.postgres,
          connectionsMax: CONNECTIONS_MAX,
          fsync: true,
        }),
      ready: (pid, signal) => postgresReady(postgres, pid, signal),
    },
    nats: {
      name: "nats",
      log: log("nats"),
      stopMs: NATS_STOP_MS,
      plan: async () =>
        planNats({
          binary: tools.natsServer,
          directory: layout.nats,
          port: ports.nats,
          token: await readSecret(credentials.natsToken),
          env: { TIDEMILL_HOME: layout.root },
        }),
      ready: (_, signal) => natsReady(ports.nats, signal),
    },
    artifacts: serviceSpec("artifacts", log("artifacts"), ports.artifactsGrpc, () =>
      planArtifacts(context),
    ),
    orchestrator: serviceSpec("orchestrator", log("orchestrator"), ports.orchestratorGrpc, () =>
      planOrchestrator(context),
    ),
    worker: {
      ...serviceSpec("worker", log("worker"), ports.worker, () => planWorker(context)),
      stopMs: WORKER_STOP_MS,
      sweep: true,
    },
  };
}

function serviceSpec(
  name: ProcessName,
  log: string,
  port: number,
  plan: () => ProcessPlan,
): ProcessSpec {
  return {
    name,
    log,
    stopMs: SERVICE_STOP_MS,
    plan: async () => plan(),
    ready: (_, signal) =>
      waitForServing(`127.0.0.1:${port}`, { signal, timeoutMs: SERVING_MS_MAX }),
  };
}

/** Where each service says whether it serves. */
export function healthPort(ports: Ports, name: ProcessName): number | undefined {
  switch (name) {
    case "artifacts":
      return ports.artifactsGrpc;
    case "orchestrator":
      return ports.orchestratorGrpc;
    case "worker":
      return ports.worker;
    case "postgres":
    case "nats":
      return undefined;
    default:
      return name satisfies never;
  }
}
