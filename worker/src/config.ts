import { readFileSync } from "node:fs";
import { availableParallelism, homedir, totalmem } from "node:os";
import { join } from "node:path";
import { basePorts, type Env, envReader } from "@tidemill/config";
import {
  type LogLevel,
  logLevels,
  readTelemetryEnv,
  type TelemetrySettings,
} from "@tidemill/telemetry";

export interface WorkerConfig {
  readonly home: string;
  readonly host: string;
  readonly allowedHosts: readonly string[];
  /** Health and metrics. */
  readonly port: number;
  readonly orchestratorGrpc: string;
  readonly artifactsHttp: string;
  readonly artifactsGrpc: string;
  readonly token: string | undefined;
  /** Tasks of one CPU that run at a time. */
  readonly slots: number;
  readonly memoryBytes: number;
  readonly uv: string;
  readonly kfpWheel: string;
  /** A Python that starts commands and holds locks. */
  readonly python: string;
  readonly logLevel: LogLevel;
  readonly telemetry: TelemetrySettings;
  /** What tools that this process starts may need of its environment; tasks see none of it. */
  readonly env: Readonly<Record<string, string>>;
}

const SLOTS_MAX = 4_096;
const PORT_MAX = 65_535;

/** Reads the worker's settings. Throws InvalidError BAD_SETTING naming the variable. */
export function readConfig(env: Env = process.env): WorkerConfig {
  const read = envReader(env);
  const home = read.string("TIDEMILL_HOME", join(homedir(), ".tidemill"));
  const tokenFile = read.optional("TIDEMILL_WORKER_TOKEN_FILE");
  const address = (port: number) => `127.0.0.1:${port}`;
  return {
    home: read.string("TIDEMILL_WORKER_HOME", join(home, "worker")),
    host: read.string("TIDEMILL_HOST", "127.0.0.1"),
    allowedHosts: read.list("TIDEMILL_ALLOWED_HOSTS", []),
    port: read.integer("TIDEMILL_WORKER_PORT", basePorts.worker, { min: 0, max: PORT_MAX }),
    orchestratorGrpc: read.string(
      "TIDEMILL_ORCHESTRATOR_GRPC",
      address(basePorts.orchestratorGrpc),
    ),
    artifactsHttp: read.string(
      "TIDEMILL_ARTIFACTS_HTTP",
      `http://${address(basePorts.artifactsHttp)}`,
    ),
    artifactsGrpc: read.string("TIDEMILL_ARTIFACTS_GRPC", address(basePorts.artifactsGrpc)),
    token: tokenFile === undefined ? undefined : readFileSync(tokenFile, "utf8").trim(),
    slots: read.integer("TIDEMILL_WORKER_SLOTS", availableParallelism(), {
      min: 1,
      max: SLOTS_MAX,
    }),
    memoryBytes: totalmem(),
    uv: read.required("TIDEMILL_UV"),
    kfpWheel: read.required("TIDEMILL_KFP_WHEEL"),
    python: read.string("TIDEMILL_PYTHON", "python3"),
    logLevel: read.oneOf("TIDEMILL_LOG_LEVEL", logLevels, "info"),
    telemetry: readTelemetryEnv(env),
    env: Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  };
}
