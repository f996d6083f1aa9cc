import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitForServing } from "@tidemill/rpc";
import { freePort, tempDir } from "@tidemill/testing";

export interface Deployable {
  readonly httpPort: number;
  readonly grpcPort: number;
  stop(): Promise<void>;
}

export interface Secrets {
  readonly nats: string;
  readonly worker: string;
  readonly key: string;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const SERVING_TIMEOUT_MS = 60_000;

/** Starts a service, or the worker, as `tidemill up` does: a process of its own. */
export async function startDeployable(
  folder: string,
  secrets: Secrets,
  env: Readonly<Record<string, string>>,
): Promise<Deployable> {
  const [httpPort, grpcPort] = await Promise.all([freePort(), freePort()]);
  const directory = tempDir("secrets");
  const fileOf = (name: keyof Secrets) => {
    writeFileSync(join(directory, name), secrets[name]);
    return join(directory, name);
  };
  const child = spawn(process.execPath, [join(root, folder, "src/main.ts")], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      ...env,
      ...{
        TIDEMILL_ARTIFACTS_HTTP_PORT: `${httpPort}`,
        TIDEMILL_ARTIFACTS_GRPC_PORT: `${grpcPort}`,
      },
      TIDEMILL_ORCHESTRATOR_HTTP_PORT: `${httpPort}`,
      TIDEMILL_ORCHESTRATOR_GRPC_PORT: `${grpcPort}`,
      TIDEMILL_WORKER_PORT: `${httpPort}`,
      TIDEMILL_NATS_TOKEN_FILE: fileOf("nats"),
      TIDEMILL_WORKER_TOKEN_FILE: fileOf("worker"),
      TIDEMILL_PAGE_TOKEN_KEY_FILE: fileOf("key"),
    },
  });
  const port = folder === "worker" ? httpPort : grpcPort;
  await waitForServing(`127.0.0.1:${port}`, { timeoutMs: SERVING_TIMEOUT_MS });
  return {
    httpPort,
    grpcPort,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
