import { type Service, wait } from "@tidemill/lifecycle";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import type { Kysely } from "kysely";
import { Pool } from "pg";
import { columnTypes } from "./column-types.ts";
import { kyselyOver } from "./kysely-pool.ts";
import { isConnectionLoss, mapError } from "./map-error.ts";
import type { Queryable, Transaction, TransactionOptions } from "./queryable.ts";
import { createSession, type Session } from "./session.ts";
import { createSqlMetrics } from "./sql-metrics.ts";
import { runTransaction } from "./transaction.ts";

export interface DatabaseOptions {
  /** `postgres://user@host:port/database`; a password in it is allowed only in tests. */
  readonly url: string;
  readonly password?: string;
  readonly poolMax: number;
  readonly log: Logger;
  readonly telemetry?: Pick<Telemetry, "meter">;
  /** Shown by pg_stat_activity. */
  readonly applicationName?: string;
  /** How long `start` waits for a database that cannot be reached yet; 10 s. */
  readonly startTimeoutMs?: number;
  /** The longest a statement may run; 30 s. */
  readonly statementTimeoutMs?: number;
  /** The longest a statement waits for a lock; 10 s. */
  readonly lockTimeoutMs?: number;
}

/** A pool of connections to one database. `start` waits until the database answers. */
export interface Database extends Queryable, Service {
  transaction<Value>(
    work: (tx: Transaction) => Promise<Value>,
    options?: TransactionOptions,
  ): Promise<Value>;
  /** Whether the database answers now. Never throws. */
  isReady(): Promise<boolean>;
  /** For connections outside the pool that live as long as a role does (`createLeadership`). */
  readonly connection: ConnectionSettings;
}

export interface ConnectionSettings {
  readonly connectionString: string;
  readonly application_name: string;
  readonly connectionTimeoutMillis: number;
}

const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
const START_TIMEOUT_MS = 10_000;
const START_RETRY_MS = 100;
const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_CONNECTION_MS = 30_000;
const KEEP_ALIVE_AFTER_MS = 10_000;

/**
 * Opens nothing yet. A database that is away, restarts or drops connections fails the calls of that
 * time with UnavailableError and is used again as soon as it answers; nothing has to be restarted.
 */
export function createDatabase(options: DatabaseOptions): Database {
  const connection: ConnectionSettings = {
    connectionString: withPassword(options.url, options.password),
    application_name: options.applicationName ?? "tidemill",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  };
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const pool = createPool(connection, options, statementTimeoutMs);
  const metrics = createSqlMetrics(options.telemetry, pool);
  const sessionOptions = { statementTimeoutMs, metrics, log: options.log };
  let stopped: Promise<void> | undefined;

  async function acquire(): Promise<Session> {
    try {
      return createSession(await pool.connect(), sessionOptions);
    } catch (error) {
      throw mapError(error);
    }
  }

  async function withSession<Value>(use: (session: Session) => Promise<Value>): Promise<Value> {
    const session = await acquire();
    try {
      return await use(session);
    } finally {
      session.release();
    }
  }

  async function ping(): Promise<void> {
    await withSession((session) => session.text("select 1"));
  }

  const kysely = kyselyOver<unknown>(acquire, (session) => session.release());

  return {
    connection,
    query: (statement, values = []) => withSession((session) => session.run(statement, values)),
    async execute(sql) {
      await withSession((session) => session.text(sql));
    },
    kysely: <Tables>() => kysely as Kysely<Tables>,
    transaction: (work, transactionOptions = {}) =>
      runTransaction(acquire, work, transactionOptions),
    async isReady() {
      try {
        await ping();
        return true;
      } catch {
        // Not being ready is the answer that was asked for; the reason is in the metrics.
        return false;
      }
    },
    start: () => waitUntilReached(ping, options.startTimeoutMs ?? START_TIMEOUT_MS),
    stop() {
      stopped ??= pool.end();
      return stopped;
    },
  };
}

/** Tries again while the database is away; throws UnavailableError once the time is over. */
async function waitUntilReached(ping: () => Promise<void>, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await ping();
    } catch (error) {
      if (!isConnectionLoss(error) || performance.now() >= endMs) throw error;
      await wait(START_RETRY_MS);
    }
  }
}

/** Into the URL: beside one without a password, pg takes the URL's and ignores its own option. */
function withPassword(url: string, password: string | undefined): string {
  if (password === undefined) return url;
  const complete = new URL(url);
  complete.password = encodeURIComponent(password);
  return complete.href;
}

function createPool(
  connection: ConnectionSettings,
  options: DatabaseOptions,
  statementTimeoutMs: number,
): Pool {
  const pool = new Pool({
    ...connection,
    max: options.poolMax,
    pipeline: true,
    types: columnTypes,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    statement_timeout: statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  });
  // A connection that breaks while it is idle or checked out emits here too, and an `error` event
  // that nobody hears ends the process. Whoever was using it gets the error from their call.
  const heard = (error: Error) =>
    options.log.debug("postgres connection lost", { error: error.message });
  pool.on("error", heard);
  pool.on("connect", (client) => client.on("error", heard));
  return pool;
}
