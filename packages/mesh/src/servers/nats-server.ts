import { chmod, mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { UnavailableError } from "@tidemill/errors";
import { wait } from "@tidemill/lifecycle";
import type { ProcessPlan } from "./process-plan.ts";

export interface NatsSite {
  readonly binary: string;
  /** Holds the configuration file and, below `jetstream`, the streams. */
  readonly directory: string;
  readonly port: number;
  readonly token: string;
  readonly env: Readonly<Record<string, string>>;
}

const READY_POLL_MS = 10;
const PROBE_TIMEOUT_MS = 500;
/** Streams are a copy of what Postgres holds: beyond this the oldest events go. */
const JETSTREAM_DISK = "10GB";
const JETSTREAM_MEMORY = "32MB";
/** Makes Go's collector work harder instead of letting the process grow at rest. */
const GO_MEMORY = "96MiB";

/** Writes the configuration (0600: it holds the token) and returns the process to start. */
export async function planNats(site: NatsSite): Promise<ProcessPlan> {
  await mkdir(site.directory, { recursive: true, mode: 0o700 });
  const path = join(site.directory, "nats-server.conf");
  await writeFile(path, natsConf(site), { mode: 0o600 });
  await chmod(path, 0o600);
  return {
    name: "nats",
    argv: [site.binary, "-c", path],
    env: { PATH: "/usr/bin:/bin", GOMEMLIMIT: GO_MEMORY, TZ: "UTC", ...site.env },
    cwd: site.directory,
  };
}

export function natsConf(site: NatsSite): string {
  const quote = (text: string) => JSON.stringify(text);
  return `# Written at every start.
listen: "127.0.0.1:${site.port}"
server_name: "tidemill"
authorization { token: ${quote(site.token)} }
pid_file: ${quote(join(site.directory, "nats-server.pid"))}
max_payload: 8MB
jetstream {
  store_dir: ${quote(join(site.directory, "jetstream"))}
  max_memory_store: ${JETSTREAM_MEMORY}
  max_file_store: ${JETSTREAM_DISK}
}
`;
}

/** Resolves once the server greets. Throws UnavailableError when `signal` aborts first. */
export async function natsReady(port: number, signal: AbortSignal): Promise<void> {
  do {
    if (await greets(port)) return;
  } while (await wait(READY_POLL_MS, signal));
  throw new UnavailableError("nats", `nats-server did not greet on port ${port}`);
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: PROBE_TIMEOUT_MS });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", (bytes) => done(bytes.toString("latin1").startsWith("INFO ")));
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
    socket.once("close", () => done(false));
  });
}
