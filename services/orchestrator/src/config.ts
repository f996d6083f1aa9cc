import { readFileSync } from "node:fs";
import { basePorts, type Env, envReader } from "@tidemill/config";
import { InvalidError } from "@tidemill/errors";
import { type LogLevel, logLevels, readTelemetryEnv } from "@tidemill/telemetry";

export interface OrchestratorConfig {
  readonly host: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly allowedHosts: readonly string[];
  readonly postgres: { readonly url: string; readonly password?: string };
  readonly nats: { readonly url: string; readonly token?: string };
  /** Base of the artifact service's HTTP routes, without a slash at its end. */
  readonly artifactsHttp: string;
  /** `host:port` of the artifact service's RPC. */
  readonly artifactsGrpc: string;
  /** What workers must send. */
  readonly workerToken: string;
  /** Signs page and resume tokens. */
  readonly pageTokenKey: Uint8Array;
  /** Runs, with their tasks, attempts and journals, are kept for so long after their creation. */
  readonly runsRetentionDays: number;
  readonly logLevel: LogLevel;
  readonly otlpEndpoint?: string | undefined;
}

const PORT_MAX = 65_535;
export const RUNS_RETENTION_DAYS = 400;
const RETENTION_DAYS_MAX = 36_500;

/** Throws InvalidError BAD_SETTING naming the variable. */
export function loadConfig(env: Env = process.env): OrchestratorConfig {
  const read = envReader(env);
  const port = { min: 0, max: PORT_MAX };
  const password = secretFrom(read.optional("TIDEMILL_POSTGRES_PASSWORD_FILE"));
  const token = secretFrom(read.optional("TIDEMILL_NATS_TOKEN_FILE"));
  return {
    host: read.string("TIDEMILL_HOST", "127.0.0.1"),
    httpPort: read.integer("TIDEMILL_ORCHESTRATOR_HTTP_PORT", basePorts.orchestratorHttp, port),
    grpcPort: read.integer("TIDEMILL_ORCHESTRATOR_GRPC_PORT", basePorts.orchestratorGrpc, port),
    allowedHosts: read.list("TIDEMILL_ALLOWED_HOSTS", []),
    postgres: {
      url: read.required("TIDEMILL_POSTGRES_URL"),
      ...(password === undefined ? {} : { password }),
    },
    nats: {
      url: read.required("TIDEMILL_NATS_URL"),
      ...(token === undefined ? {} : { token }),
    },
    artifactsHttp: read
      .string("TIDEMILL_ARTIFACTS_HTTP", `http://127.0.0.1:${basePorts.artifactsHttp}`)
      .replace(/\/+$/, ""),
    artifactsGrpc: read.string("TIDEMILL_ARTIFACTS_GRPC", `127.0.0.1:${basePorts.artifactsGrpc}`),
    workerToken: requireText(read.required("TIDEMILL_WORKER_TOKEN_FILE")),
    pageTokenKey: readSecret(read.required("TIDEMILL_PAGE_TOKEN_KEY_FILE")),
    runsRetentionDays: read.integer("TIDEMILL_RUNS_RETENTION_DAYS", RUNS_RETENTION_DAYS, {
      min: 1,
      max: RETENTION_DAYS_MAX,
    }),
    logLevel: read.oneOf("TIDEMILL_LOG_LEVEL", logLevels, "info"),
    otlpEndpoint: readTelemetryEnv(env).otlpEndpoint,
  };
}

function secretFrom(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readSecret(path).toString("utf8").trim();
}

/** An empty token would let everybody in. */
function requireText(path: string): string {
  const text = readSecret(path).toString("utf8").trim();
  if (text !== "") return text;
  throw new InvalidError("BAD_SETTING", `secret file "${path}" is empty: put a token into it`);
}

function readSecret(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new InvalidError(
      "BAD_SETTING",
      `secret file "${path}" cannot be read: create it, or name another`,
      [],
      { cause },
    );
  }
}
