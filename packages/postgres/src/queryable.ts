import type { Kysely } from "kysely";
import type { Statement } from "./statement.ts";

export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  /** Rows returned, or changed by a statement that returns none. */
  readonly rowCount: number;
}

/**
 * A thing that runs SQL: the database (each statement in a transaction of its own) or one open
 * transaction. Errors are those of `mapError`. `bigint` columns arrive as numbers, `timestamptz`
 * as Date, `bytea` as Buffer.
 */
export interface Queryable {
  query<Row extends object>(
    statement: Statement<Row>,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
  /** Runs SQL text without parameters: several statements, DDL, settings. Never on a hot path. */
  execute(sql: string): Promise<void>;
  /** Typed query building for the wide, cold surface; runs on this pool or in this transaction. */
  kysely<Tables>(): Kysely<Tables>;
}

/**
 * One open transaction. Statements are pipelined: those that do not depend on each other's answers
 * may be sent together with `Promise.all` and cost one round trip.
 */
export interface Transaction extends Queryable {
  readonly transaction: true;
}

export type Isolation = "read committed" | "repeatable read" | "serializable";

export interface TransactionOptions {
  /** `read committed` unless said otherwise. */
  readonly isolation?: Isolation;
  readonly readOnly?: boolean;
  /**
   * How often the whole function is run again after a ConflictError (serialization failure,
   * deadlock). 0 unless the caller knows that running it again is safe.
   */
  readonly retriesMax?: number;
  /**
   * Sends `commit` right behind the statements, without waiting for their answers: one round trip
   * for all of it. For work that sends every statement before it first waits, and that fails only
   * when one of them does: then the server rolls back.
   */
  readonly atOnce?: boolean;
  /** Lifts statement and lock timeouts: migrations only. */
  readonly unlimited?: boolean;
}
