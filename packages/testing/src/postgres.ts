import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { UnavailableError } from "@tidemill/errors";
import { wait } from "@tidemill/lifecycle";
import {
  canEnter,
  copyPostgres,
  initPostgres,
  installedPostgres,
  type PostgresSite,
  planPostgres,
  postgresReady,
  postgresUser,
} from "@tidemill/mesh/servers";
import { freePort } from "./free-port.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

export interface TestPostgres {
  /** Of the superuser, password included. */
  readonly url: string;
  /** Whether other test files use this server too: then it must stay up. */
  readonly isShared: boolean;
  /** SIGKILL to the postmaster, as when the machine runs out of memory. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and data, after a stop or `kill9`. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartPostgresOptions {
  /** A server of one's own even when the test run shares one; for tests that kill it. */
  readonly own?: boolean;
  /** Off unless asked for: tests kill processes, never the machine. */
  readonly fsync?: boolean;
}

/** A server of a database directory that is there already. */
export interface ServedPostgres {
  readonly port: number;
  /** In order, everything on disk. */
  stop(): Promise<void>;
}

/** The superuser's URL of a server that a whole test run shares. */
export const TEST_POSTGRES_VARIABLE = "TIDEMILL_TEST_POSTGRES_URL";
const START_TIMEOUT_MS = 30_000;
const RETRY_MS = 50;
/** Many test files connect at once. */
const CONNECTIONS_MAX = 300;

/** The server of this test run, or a new one in a temporary directory. */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<TestPostgres> {
  const shared = process.env[TEST_POSTGRES_VARIABLE];
  if (shared !== undefined && shared !== "" && options.own !== true) return sharedPostgres(shared);
  const site = await createSite();
  const password = randomBytes(16).toString("hex");
  const fsync = options.fsync ?? false;
  await initPostgres(site, password, { fsync });
  const port = await freePort();
  const tuning = { port, connectionsMax: CONNECTIONS_MAX, fsync };
  const start = () => startReady(site, tuning);
  let server: ServerProcess = await start();
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    isShared: false,
    kill9: () => server.end("SIGKILL"),
    async restart() {
      if (!server.ended.aborted) await server.end("SIGINT");
      server = await start();
    },
    stop: () => server.end("SIGINT"),
  };
}

/** Serves the databases of a home whose mesh is down, on a free port. */
export async function servePostgres(
  site: PostgresSite,
  { fsync }: { readonly fsync: boolean },
): Promise<ServedPostgres> {
  const port = await freePort();
  const server = await startReady(site, { port, connectionsMax: CONNECTIONS_MAX, fsync });
  return { port, stop: () => server.end("SIGINT") };
}

async function createSite(): Promise<PostgresSite> {
  const directory = tempDir("postgres");
  const user = postgresUser();
  const installed = installedPostgres();
  const binaries = canEnter(installed.root, user)
    ? installed
    : await copyPostgres(installed, directory);
  const owned = join(directory, "server");
  await mkdir(owned);
  await chmod(owned, 0o700);
  if (user !== undefined) await chown(owned, user.uid, user.gid);
  return { binaries, data: join(owned, "data"), user, env: {} };
}

/** Tries until the last backends of a killed server have let go of its shared memory. */
async function startReady(
  site: PostgresSite,
  tuning: Parameters<typeof planPostgres>[1],
): Promise<ServerProcess> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  const plan = await planPostgres(site, tuning);
  for (;;) {
    const server = startServerProcess(plan, "SIGQUIT");
    try {
      await postgresReady(site, server.pid, AbortSignal.any([deadline, server.ended]));
      return server;
    } catch (cause) {
      await server.end("SIGQUIT");
      if (!(await wait(RETRY_MS, deadline))) {
        const message = `postgres did not start: ${server.output()}`;
        throw new UnavailableError("postgres", message, { cause });
      }
    }
  }
}

function sharedPostgres(url: string): TestPostgres {
  const refuse = async () => {
    throw new Error("this server is shared with other tests: use startPostgres({ own: true })");
  };
  return { url, isShared: true, kill9: refuse, restart: refuse, stop: async () => {} };
}
