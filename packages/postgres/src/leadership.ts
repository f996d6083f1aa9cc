import { Socket } from "node:net";
import { messageOf } from "@tidemill/errors";
import { backoff, type Service, wait } from "@tidemill/lifecycle";
import type { Logger } from "@tidemill/telemetry";
import { Client } from "pg";
import { columnTypes } from "./column-types.ts";
import type { ConnectionSettings } from "./database.ts";

export interface LeadershipOptions {
  /** The role, unique in its database: `relay`. */
  readonly role: string;
  readonly connection: ConnectionSettings;
  readonly log: Logger;
  /**
   * The work of whoever leads. Ends soon after the signal aborts; when it ends or throws before
   * that, leadership is given up and taken again after a while.
   */
  readonly lead: (signal: AbortSignal) => Promise<void>;
}

const ASK_AGAIN_MS = 1_000;
const RETRY_INITIAL_MS = 200;
const RETRY_MAX_MS = 5_000;
const ASK_TIMEOUT_MS = 5_000;
const GOODBYE_TIMEOUT_MS = 2_000;

/**
 * A machine that is gone without a word is noticed by both sides within half a minute: by us, so
 * that we stop leading, and by the server, so that the lock becomes free.
 */
const KEEP_ALIVE_AFTER_MS = 10_000;
const SERVER_KEEP_ALIVE =
  "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";

/**
 * Lets one process per database do a job: the holder of a session advisory lock, which Postgres
 * frees the moment its process or connection is gone. For a short time after that a paused former
 * leader may still believe; what it writes must be fenced or harmless.
 */
export function createLeadership(options: LeadershipOptions): Service {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    const retry = backoff({ initialMs: RETRY_INITIAL_MS, maxMs: RETRY_MAX_MS });
    while (!stopping.signal.aborted) {
      try {
        await holdAndLead(options, stopping.signal, retry.reset);
      } catch (error) {
        options.log.warn("leadership was lost: asking for it again", {
          role: options.role,
          error: messageOf(error),
        });
      }
      await wait(retry.nextMs(), stopping.signal);
    }
  }

  return {
    start() {
      running ??= run();
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function holdAndLead(
  options: LeadershipOptions,
  stopping: AbortSignal,
  onLead: () => void,
): Promise<void> {
  const socket = new Socket();
  const client = new Client({
    ...options.connection,
    types: columnTypes,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    options: SERVER_KEEP_ALIVE,
    query_timeout: ASK_TIMEOUT_MS,
    stream: () => socket,
  });
  const lost = new AbortController();
  client.on("error", () => lost.abort());
  client.on("end", () => lost.abort());
  try {
    await client.connect();
    const signal = AbortSignal.any([stopping, lost.signal]);
    while (!(await tryLock(client, options.role))) {
      if (!(await wait(ASK_AGAIN_MS, signal))) return;
    }
    onLead();
    await options.lead(signal);
  } finally {
    await sayGoodbye(client, socket);
  }
}

/** The server answers a goodbye by closing; one that hangs does not. */
async function sayGoodbye(client: Client, socket: Socket): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), GOODBYE_TIMEOUT_MS);
  await client.end().catch(() => {});
  clearTimeout(timer);
}

async function tryLock(client: Client, role: string): Promise<boolean> {
  const sql = "select pg_try_advisory_lock(hashtextextended('leadership:' || $1, 0)) as held";
  const { rows } = await client.query<{ held: boolean }>(sql, [role]);
  return rows[0]?.held === true;
}
