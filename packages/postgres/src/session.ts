import type { Writable } from "node:stream";
import type { Logger } from "@tidemill/telemetry";
import type { PoolClient } from "pg";
import { isConnectionLoss, mapError } from "./map-error.ts";
import type { QueryResult } from "./queryable.ts";
import type { SqlMetrics } from "./sql-metrics.ts";
import type { Statement } from "./statement.ts";

/** Past the server's own statement timeout: only a server that hangs is answered by this one. */
const ANSWER_GRACE_MS = 5_000;

/** The SQLSTATE of a prepared statement that the connection lost; it must not be used again. */
const STATEMENT_LOST = "26000";

interface Answer {
  readonly rows: readonly object[];
  readonly rowCount: number | null;
  readonly command: string;
}

/** One checked-out connection: runs SQL with mapped errors, a timeout and metrics. */
export interface Session {
  run<Row extends object>(
    statement: Statement<Row>,
    values: readonly unknown[],
  ): Promise<QueryResult<Row>>;
  /** Runs SQL without a name; answers the command tag, such as COMMIT. */
  text(sql: string, values?: readonly unknown[]): Promise<Answer>;
  /** Gives the connection back, or closes it when it is of no use any more. */
  release(): void;
  /** Lets statements run as long as they need. */
  lift(): void;
  /** Makes `release` close the connection. */
  discard(): void;
  /** What is sent from now on leaves together, with the `uncork` of as many calls. */
  cork(): void;
  uncork(): void;
  readonly client: PoolClient;
}

export interface SessionOptions {
  readonly statementTimeoutMs: number;
  readonly metrics: SqlMetrics;
  readonly log: Logger;
}

export function createSession(client: PoolClient, options: SessionOptions): Session {
  let broken = false;
  let timeoutMs = options.statementTimeoutMs + ANSWER_GRACE_MS;

  const { stream } = socketOf(client);

  /** Statements sent in one turn leave in one packet: each would wake the server otherwise. */
  function corkThisTurn(): void {
    if (stream.writableCorked > 0) return;
    stream.cork();
    process.nextTick(() => stream.uncork());
  }

  async function send(name: string, config: object): Promise<Answer> {
    const startedMs = performance.now();
    corkThisTurn();
    try {
      const answer = (await client.query({
        ...config,
        query_timeout: timeoutMs,
      } as never)) as Answer;
      options.metrics.ran(name, performance.now() - startedMs, "ok");
      return answer;
    } catch (error) {
      const mapped = mapError(error);
      const lost = error instanceof Error && "code" in error && error.code === STATEMENT_LOST;
      if (lost || isConnectionLoss(mapped)) broken = true;
      options.metrics.ran(name, performance.now() - startedMs, "error");
      throw mapped;
    }
  }

  return {
    client,
    async run<Row extends object>(statement: Statement<Row>, values: readonly unknown[]) {
      const config = { name: statement.name, text: statement.sql, values };
      const answer = await send(statement.name, config);
      return { rows: answer.rows as readonly Row[], rowCount: answer.rowCount ?? 0 };
    },
    text: (sql, values) =>
      send("text", values === undefined ? { text: sql } : { text: sql, values }),
    release: () => client.release(broken),
    lift() {
      timeoutMs = 0;
    },
    discard() {
      broken = true;
    },
    cork: () => stream.cork(),
    uncork: () => stream.uncork(),
  };
}

/** `pg` declares its client without the connection that it has. */
function socketOf(client: PoolClient): { readonly stream: Writable } {
  return (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
}
