import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Ports } from "@tidemill/config";
import type { Credentials, DatabaseService } from "../home/credentials.ts";
import type { HomeLayout } from "../home/home-layout.ts";
import { databaseName } from "../home/postgres-site.ts";
import type { ProcessPlan } from "../servers/process-plan.ts";
import type { Toolbox } from "../tools/toolbox.ts";

export interface ServicePlanContext {
  readonly layout: HomeLayout;
  readonly credentials: Credentials;
  readonly ports: Ports;
  readonly tools: Toolbox;
  /** The user's environment, of which a service gets only what it may know. */
  readonly env: Readonly<Record<string, string>>;
  readonly entries: ServiceEntries;
}

/** The file that each deployable starts from. */
export interface ServiceEntries {
  readonly artifacts: string;
  readonly orchestrator: string;
  readonly worker: string;
}

const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");

export const serviceEntries: ServiceEntries = {
  artifacts: join(repository, "services", "artifacts", "src", "main.ts"),
  orchestrator: join(repository, "services", "orchestrator", "src", "main.ts"),
  worker: join(repository, "worker", "src", "main.ts"),
};

/** What every process may see of the user's environment: no secret is among these. */
const sharedVariables =
  /^(PATH|HOME|LANG|LC_[A-Z]+|TZ|TMPDIR|USER|LOGNAME|NODE_COMPILE_CACHE|NODE_EXTRA_CA_CERTS|OTEL_[A-Z_]+|TIDEMILL_(LOG_LEVEL|HOST|ALLOWED_HOSTS))$/;

/**
 * The worker builds environments with pip's settings and runs the user's own code: it gets what
 * pip, uv, certificates, proxies and accelerators are configured by, and every TIDEMILL_WORKER_
 * setting.
 */
const workerVariables =
  /^(PIP_\w+|UV_\w+|XDG_\w+|PYENV_ROOT|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|CUDA_\w+|NVIDIA_\w+|TIDEMILL_WORKER_\w+)$|^((https?|all|no|ftp)_proxy)$/i;

/** Settings of one service that a user may have made in the environment of `up`. */
const artifactsVariables = /^TIDEMILL_LOGS_RETENTION_DAYS$/;
const orchestratorVariables = /^TIDEMILL_RUNS_RETENTION_DAYS$/;

/** The environment of a process that talks to nobody outside and runs nothing of the user's. */
export function sharedEnvironment(
  layout: HomeLayout,
  env: Readonly<Record<string, string>>,
): Record<string, string> {
  return { ...pick(env, sharedVariables), TIDEMILL_HOME: layout.root };
}

export function planArtifacts(context: ServicePlanContext): ProcessPlan {
  const { ports } = context;
  return servicePlan(context, "artifacts", context.entries.artifacts, {
    ...pick(context.env, artifactsVariables),
    ...stateVariables(context, "artifacts"),
    TIDEMILL_ARTIFACTS_HTTP_PORT: String(ports.artifactsHttp),
    TIDEMILL_ARTIFACTS_GRPC_PORT: String(ports.artifactsGrpc),
    TIDEMILL_ARTIFACTS_DIRECTORY: context.layout.artifacts,
  });
}

export function planOrchestrator(context: ServicePlanContext): ProcessPlan {
  const { ports, credentials } = context;
  return servicePlan(context, "orchestrator", context.entries.orchestrator, {
    ...pick(context.env, orchestratorVariables),
    ...stateVariables(context, "orchestrator"),
    ...artifactsAddresses(ports),
    TIDEMILL_ORCHESTRATOR_HTTP_PORT: String(ports.orchestratorHttp),
    TIDEMILL_ORCHESTRATOR_GRPC_PORT: String(ports.orchestratorGrpc),
    TIDEMILL_WORKER_TOKEN_FILE: credentials.workerToken,
  });
}

export function planWorker(context: ServicePlanContext): ProcessPlan {
  const { ports, credentials, tools, layout } = context;
  return servicePlan(context, "worker", context.entries.worker, {
    TIDEMILL_WORKER_HOME: layout.worker,
    ...pick(context.env, workerVariables),
    ...artifactsAddresses(ports),
    TIDEMILL_WORKER_PORT: String(ports.worker),
    TIDEMILL_ORCHESTRATOR_GRPC: `127.0.0.1:${ports.orchestratorGrpc}`,
    TIDEMILL_WORKER_TOKEN_FILE: credentials.workerToken,
    TIDEMILL_UV: tools.uv,
    TIDEMILL_KFP_WHEEL: tools.kfpWheel,
    TIDEMILL_PYTHON: tools.python.path,
  });
}

function servicePlan(
  context: ServicePlanContext,
  name: string,
  entry: string,
  variables: Record<string, string>,
): ProcessPlan {
  return {
    name,
    argv: [process.execPath, entry],
    env: {
      NODE_COMPILE_CACHE: join(repository, "node_modules", ".cache", "compile"),
      ...sharedEnvironment(context.layout, context.env),
      ...variables,
    },
    cwd: context.layout.root,
  };
}

function stateVariables(
  { ports, credentials }: ServicePlanContext,
  service: DatabaseService,
): Record<string, string> {
  const name = databaseName(service);
  return {
    TIDEMILL_POSTGRES_URL: `postgres://${name}@127.0.0.1:${ports.postgres}/${name}`,
    TIDEMILL_POSTGRES_PASSWORD_FILE: credentials.postgres[service],
    TIDEMILL_NATS_URL: `nats://127.0.0.1:${ports.nats}`,
    TIDEMILL_NATS_TOKEN_FILE: credentials.natsToken,
    TIDEMILL_PAGE_TOKEN_KEY_FILE: credentials.pageTokenKey,
  };
}

function artifactsAddresses(ports: Ports): Record<string, string> {
  return {
    TIDEMILL_ARTIFACTS_HTTP: `http://127.0.0.1:${ports.artifactsHttp}`,
    TIDEMILL_ARTIFACTS_GRPC: `127.0.0.1:${ports.artifactsGrpc}`,
  };
}

function pick(env: Readonly<Record<string, string>>, pattern: RegExp): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => pattern.test(name)));
}
