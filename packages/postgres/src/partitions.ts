import { ConflictError } from "@tidemill/errors";
import type { Database } from "./database.ts";
import {
  type Granularity,
  type Period,
  periodOfName,
  periodsAround,
  uuidFloor,
} from "./partition-period.ts";
import type { Queryable } from "./queryable.ts";
import { statement } from "./statement.ts";

/** A table `partition by range (id)` where id is a UUIDv7. */
export interface PartitionedTable {
  readonly table: string;
  readonly granularity: Granularity;
  /** Of its partitions; tables whose rows are updated leave room for that. 100 unless given. */
  readonly fillfactor?: number;
}

/** Periods kept ready beyond the current one. */
const PERIODS_AHEAD = 2;

/** Dropping locks the parent: better to try again in the next round than to hold up writers. */
const DROP_LOCK_TIMEOUT_MS = 1_000;

const selectPartitions = statement<{ name: string }>(
  "partitions_list",
  `select child.relname as name
   from pg_inherits join pg_class child on child.oid = inhrelid
   where inhparent = to_regclass($1) order by child.relname`,
);

const lockTable = statement(
  "partitions_lock",
  "select pg_advisory_xact_lock(hashtextextended('partitions:' || $1, 0))",
);

/**
 * Makes sure that rows of the last, the current and the next periods have a partition. Several
 * processes may do it at once. Looks first and takes no lock when all are there; a missing one is
 * attached, which does not hold up writers.
 */
export async function ensureRangePartitions(
  database: Database,
  target: PartitionedTable,
  nowMs: number,
): Promise<void> {
  const wanted = periodsAround(nowMs, target.granularity, PERIODS_AHEAD);
  if ((await missingPeriods(database, target, wanted)).length === 0) return;
  await database.transaction(async (tx) => {
    await tx.query(lockTable, [target.table]);
    for (const period of await missingPeriods(tx, target, wanted)) {
      await tx.execute(createPartition(target, period));
    }
  });
}

async function missingPeriods(
  db: Queryable,
  { table }: PartitionedTable,
  wanted: readonly Period[],
): Promise<Period[]> {
  const { rows } = await db.query(selectPartitions, [table]);
  const names = new Set(rows.map((row) => row.name));
  return wanted.filter((period) => !names.has(`${table}_${period.suffix}`));
}

function createPartition({ table, fillfactor = 100 }: PartitionedTable, period: Period): string {
  const name = `${table}_${period.suffix}`;
  return `
    create table "${name}" (like "${table}" including all) with (fillfactor = ${fillfactor});
    alter table "${table}" attach partition "${name}"
      for values from ('${uuidFloor(period.startMs)}') to ('${uuidFloor(period.endMs)}');`;
}

export interface ExpiryOptions {
  readonly nowMs: number;
  readonly retentionMs: number;
  /** Asked for each expired partition, oldest first; false keeps it and all younger ones. */
  readonly mayDrop?: (partition: string) => Promise<boolean>;
}

/**
 * Drops the partitions whose last row is older than the retention and answers their names. One that
 * is in use right now is left to the next round.
 */
export async function dropExpiredPartitions(
  database: Database,
  target: PartitionedTable,
  options: ExpiryOptions,
): Promise<string[]> {
  const { rows } = await database.query(selectPartitions, [target.table]);
  const dropped: string[] = [];
  for (const { name } of rows) {
    const period = periodOfName(name);
    if (period === undefined || period.endMs > options.nowMs - options.retentionMs) continue;
    if (options.mayDrop !== undefined && !(await options.mayDrop(name))) break;
    if (!(await dropPartition(database, target.table, name))) break;
    dropped.push(name);
  }
  return dropped;
}

async function dropPartition(database: Database, table: string, name: string): Promise<boolean> {
  try {
    await database.transaction(async (tx) => {
      await tx.execute(`set local lock_timeout = ${DROP_LOCK_TIMEOUT_MS}`);
      await tx.query(lockTable, [table]);
      await tx.execute(`drop table if exists "${name}"`);
    });
    return true;
  } catch (error) {
    if (error instanceof ConflictError) return false;
    throw error;
  }
}
