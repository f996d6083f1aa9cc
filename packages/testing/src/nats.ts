import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { UnavailableError } from "@tidemill/errors";
import { natsReady, planNats } from "@tidemill/mesh/servers";
import { freePort } from "./free-port.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";
import { tools } from "./tools.ts";

export interface TestNats {
  readonly url: string;
  readonly token: string;
  readonly port: number;
  /** Holds `jetstream`, the directory of all streams. */
  readonly directory: string;
  /** Starts it again on the same port and directory, after a stop or `kill9`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** Deletes every stream. The server must be down. */
  wipe(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;

/** A nats-server with JetStream of the test's own, in a temporary directory. */
export async function startNats(): Promise<TestNats> {
  const { natsServer } = await tools();
  const directory = tempDir("nats");
  const port = await freePort();
  const token = randomBytes(16).toString("hex");
  const plan = await planNats({ binary: natsServer, directory, port, token, env: {} });
  let server: ServerProcess | undefined;

  async function end(signal: NodeJS.Signals): Promise<void> {
    await server?.end(signal);
    server = undefined;
  }

  async function start(): Promise<void> {
    if (server !== undefined && !server.ended.aborted) return;
    server = startServerProcess(plan, "SIGKILL");
    try {
      const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
      await natsReady(port, AbortSignal.any([deadline, server.ended]));
    } catch (cause) {
      const message = `nats-server did not start: ${server.output()}`;
      await end("SIGKILL");
      throw new UnavailableError("nats", message, { cause });
    }
  }

  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    token,
    port,
    directory,
    start,
    stop: () => end("SIGTERM"),
    kill9: () => end("SIGKILL"),
    async wipe() {
      if (server !== undefined) throw new Error("stop or kill9 nats-server before wiping it");
      await rm(join(directory, "jetstream"), { recursive: true, force: true });
    },
  };
}
