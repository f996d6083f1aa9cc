import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { basePorts, type Env, envReader } from "@tidemill/config";
import { InvalidError } from "@tidemill/errors";
import { type LogLevel, logLevels, readTelemetryEnv } from "@tidemill/telemetry";

export interface ArtifactsConfig {
  readonly host: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly allowedHosts: readonly string[];
  /** Holds `blobs`, `tmp` and `logs`; one process at a time writes there. */
  readonly directory: string;
  readonly blobBytesMax: number;
  readonly logBytesMax: number;
  /** A run's logs are kept for so long after the run was created. */
  readonly logsRetentionDays: number;
  readonly postgres: { readonly url: string; readonly password?: string };
  readonly nats: { readonly url: string; readonly token?: string };
  /** Signs page tokens. */
  readonly pageTokenKey: Uint8Array;
  readonly logLevel: LogLevel;
  readonly otlpEndpoint?: string | undefined;
}

const GIB = 1024 ** 3;
/**
 * A blob that is read by range stays fast at any size; this keeps one upload from filling the disk.
 */
export const BLOB_BYTES_MAX = 256 * GIB;
export const LOG_BYTES_MAX = 4 * GIB;
export const LOGS_RETENTION_DAYS = 365;
const RETENTION_DAYS_MAX = 36_500;
const PORT_MAX = 65_535;

/** Throws InvalidError BAD_SETTING naming the variable. */
export function loadConfig(env: Env = process.env): ArtifactsConfig {
  const read = envReader(env);
  const home = read.string("TIDEMILL_HOME", join(homedir(), ".tidemill"));
  const port = { min: 0, max: PORT_MAX };
  const password = secretFrom(read.optional("TIDEMILL_POSTGRES_PASSWORD_FILE"));
  const token = secretFrom(read.optional("TIDEMILL_NATS_TOKEN_FILE"));
  return {
    host: read.string("TIDEMILL_HOST", "127.0.0.1"),
    httpPort: read.integer("TIDEMILL_ARTIFACTS_HTTP_PORT", basePorts.artifactsHttp, port),
    grpcPort: read.integer("TIDEMILL_ARTIFACTS_GRPC_PORT", basePorts.artifactsGrpc, port),
    allowedHosts: read.list("TIDEMILL_ALLOWED_HOSTS", []),
    directory: read.string("TIDEMILL_ARTIFACTS_DIRECTORY", join(home, "artifacts")),
    blobBytesMax: read.integer("TIDEMILL_ARTIFACTS_BLOB_BYTES_MAX", BLOB_BYTES_MAX, { min: 1 }),
    logBytesMax: read.integer("TIDEMILL_ARTIFACTS_LOG_BYTES_MAX", LOG_BYTES_MAX, { min: 1 }),
    logsRetentionDays: read.integer("TIDEMILL_LOGS_RETENTION_DAYS", LOGS_RETENTION_DAYS, {
      min: 1,
      max: RETENTION_DAYS_MAX,
    }),
    postgres: {
      url: read.required("TIDEMILL_POSTGRES_URL"),
      ...(password === undefined ? {} : { password }),
    },
    nats: {
      url: read.required("TIDEMILL_NATS_URL"),
      ...(token === undefined ? {} : { token }),
    },
    pageTokenKey: readSecret(read.required("TIDEMILL_PAGE_TOKEN_KEY_FILE")),
    logLevel: read.oneOf("TIDEMILL_LOG_LEVEL", logLevels, "info"),
    otlpEndpoint: readTelemetryEnv(env).otlpEndpoint,
  };
}

function secretFrom(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readSecret(path).toString("utf8").trim();
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
