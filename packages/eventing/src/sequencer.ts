import { ConflictError } from "@tidemill/errors";
import type { Service } from "@tidemill/lifecycle";
import { type Database, statement, type Transaction } from "@tidemill/postgres";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import { orderByVersion, type PendingEvent } from "./order-by-version.ts";
import { createWakeableLoop } from "./wakeable-loop.ts";

export interface SequencerOptions {
  readonly database: Database;
  readonly log: Logger;
  readonly telemetry?: Pick<Telemetry, "meter">;
  /** Called with the last position given out, once it is on disk: wake the relay and watchers. */
  readonly onPositions?: (lastPosition: number) => void;
  readonly pollMs?: number;
}

/** Gives positions to committed events. */
export interface Sequencer extends Service {
  /** Call after each commit that appended events. */
  wake(): void;
}

interface PendingRow extends PendingEvent {
  /** The transaction that wrote it. */
  readonly writer: string;
  /** The first transaction that had not begun by then. */
  readonly after: string;
}

/** One round's worth: large enough that a backlog is gone soon. */
const BATCH_MAX = 4_000;
const POLL_MS = 1_000;

/** Leaves disk and processor to the commits that the events come from: 20 rounds a second. */
const PACE_MS = 50;

/**
 * Statements on partitions that were empty when they were planned must not scan them later on; all
 * that is looked for here is found by an index, in the order of the index.
 */
const readSettings = "set local enable_seqscan = off; set local enable_bitmapscan = off";
const writeSettings = "set local enable_hashjoin = off; set local enable_mergejoin = off";

const selectHorizon = statement<{ horizon: string }>(
  "outbox_horizon",
  "select pg_snapshot_xmin(pg_current_snapshot())::text as horizon",
);

const selectPending = statement<PendingRow>(
  "outbox_pending",
  `select id, entity, entity_id, entity_version, xid::text as writer,
          xid_after::text as after
   from outbox where position is null and xid >= $1::xid8
   order by xid, id limit ${BATCH_MAX}`,
);

/**
 * Behind the last event of a full batch, older versions of the entities in it: written by
 * transactions that had begun when the newer version was written.
 */
const selectEarlier = statement<PendingRow>(
  "outbox_pending_earlier",
  `select o.id, o.entity, o.entity_id, o.entity_version, o.xid::text as writer,
          o.xid_after::text as after
   from outbox o
   join (select entity, entity_id, max(version) as version
         from unnest($3::text[], $4::text[], $5::bigint[]) as b (entity, entity_id, version)
         group by entity, entity_id) batch using (entity, entity_id)
   where o.position is null and (o.xid, o.id) > ($1::xid8, $2::uuid) and o.xid < $6::xid8
     and o.entity_version < batch.version`,
);

const assignPositions = statement(
  "outbox_position",
  `with counter as (
     update event_positions set last_position = last_position + $2
     returning last_position - $2 as base)
   update outbox o set position = counter.base + pending.place
   from counter, unnest($1::uuid[]) with ordinality as pending (id, place)
   where o.id = pending.id and o.position is null`,
);

const selectLast = statement<{ last: number }>(
  "outbox_last_position",
  "select last_position as last from event_positions",
);

/**
 * Gives every committed event the next position. The counter's row is held until the commit, so
 * positions become visible in their order and without gaps, whichever process gave them; and since
 * they are given after the commit, an event of a slow transaction gets a later one and is never
 * passed over. Several processes may run a sequencer; they take turns.
 */
export function createSequencer(options: SequencerOptions): Sequencer {
  const { database } = options;
  const assigned = options.telemetry?.meter.createCounter("tidemill_events_sequenced", {
    description: "Events that were given their position.",
  });
  /** Transactions before this one are over and their events have positions. */
  let horizon = "0";

  async function round(): Promise<boolean> {
    const pass = await tryPass();
    if (pass === undefined) return true;
    horizon = pass.horizon;
    if (pass.count > 0) {
      assigned?.add(pass.count);
      options.onPositions?.(pass.last);
    }
    return pass.count >= BATCH_MAX;
  }

  async function tryPass(): Promise<Pass | undefined> {
    try {
      return await database.transaction((tx) => runPass(tx, horizon));
    } catch (error) {
      if (error instanceof ConflictError) return undefined;
      throw error;
    }
  }

  return createWakeableLoop({
    name: "the sequencer of event positions",
    log: options.log,
    round,
    pollMs: options.pollMs ?? POLL_MS,
    paceMs: PACE_MS,
  });
}

interface Pass {
  readonly count: number;
  readonly last: number;
  readonly horizon: string;
}

/**
 * The horizon is read in a snapshot before that of the events: every transaction below it was over
 * by then, so all of its events are seen.
 */
async function runPass(tx: Transaction, from: string): Promise<Pass> {
  const [, horizons, pending] = await Promise.all([
    tx.execute(readSettings),
    tx.query(selectHorizon),
    tx.query(selectPending, [from]),
  ]);
  const seenTo = horizons.rows[0]?.horizon ?? from;
  if (pending.rows.length === 0) return { count: 0, last: 0, horizon: seenTo };
  const last = pending.rows.length < BATCH_MAX ? undefined : pending.rows.at(-1);
  const earlier = last === undefined ? [] : await findEarlier(tx, last, pending.rows);
  const events = orderByVersion([...pending.rows, ...earlier]);
  const [, updated, counter] = await Promise.all([
    tx.execute(writeSettings),
    tx.query(assignPositions, [events.map((event) => event.id), events.length]),
    tx.query(selectLast),
  ]);
  if (updated.rowCount !== events.length) {
    throw new ConflictError("SEQUENCED_MEANWHILE", "another process gave these events positions");
  }
  return {
    count: events.length,
    last: counter.rows[0]?.last ?? 0,
    horizon: last === undefined ? seenTo : smaller(seenTo, last.writer),
  };
}

/**
 * An event of a transaction with a higher number may be the older version: one that began later but
 * was the first to get at the entity.
 */
async function findEarlier(
  tx: Transaction,
  last: PendingRow,
  batch: readonly PendingRow[],
): Promise<readonly PendingRow[]> {
  const { rows } = await tx.query(selectEarlier, [
    last.writer,
    last.id,
    batch.map((event) => event.entity),
    batch.map((event) => event.entity_id),
    batch.map((event) => event.entity_version),
    String(batch.reduce((latest, { after }) => larger(latest, BigInt(after)), 0n)),
  ]);
  return rows;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smaller(a: string, b: string): string {
  return BigInt(a) < BigInt(b) ? a : b;
}
