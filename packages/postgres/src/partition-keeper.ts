import { messageOf } from "@tidemill/errors";
import { type Clock, type Service, wait } from "@tidemill/lifecycle";
import type { Logger } from "@tidemill/telemetry";
import type { Database } from "./database.ts";
import { sweepIdempotencyKeys } from "./once.ts";
import {
  dropExpiredPartitions,
  ensureRangePartitions,
  type PartitionedTable,
} from "./partitions.ts";

/** A partitioned table and how long its rows are kept; undefined keeps them for good. */
export interface KeptTable extends PartitionedTable {
  readonly retentionMs: number | undefined;
  readonly mayDrop?: (partition: string) => Promise<boolean>;
}

export interface PartitionKeeperOptions {
  readonly database: Database;
  readonly tables: readonly KeptTable[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly periodMs?: number;
}

const PERIOD_MS = 60 * 60 * 1000;
const RETRY_MS = 5_000;

/** A step of the clock between two looks that no slow machine explains. */
const CLOCK_JUMP_MS = 60_000;

/**
 * How often the clock is looked at: timers stand still while a machine sleeps, the clock does not.
 */
const LOOK_MS = 1_000;

/**
 * Keeps partitions ahead of time and drops expired ones, and sweeps old idempotency keys. `start`
 * resolves once the first round has made every partition that rows need now. When the clock jumps,
 * as after a machine has slept for days, the next round comes within a second.
 */
export function createPartitionKeeper(options: PartitionKeeperOptions): Service {
  const { database, tables, clock, log } = options;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function ensure(): Promise<void> {
    for (const table of tables) await ensureRangePartitions(database, table, clock.now());
  }

  async function sweep(): Promise<void> {
    for (const { retentionMs, ...table } of tables) {
      if (retentionMs === undefined) continue;
      const expiry = { nowMs: clock.now(), retentionMs, ...optionalMayDrop(table) };
      const dropped = await dropExpiredPartitions(database, table, expiry);
      if (dropped.length > 0) log.info("partitions dropped", { dropped });
    }
    await sweepIdempotencyKeys(database, clock.now());
  }

  async function run(): Promise<void> {
    const periodMs = options.periodMs ?? PERIOD_MS;
    let seenMs = clock.now();
    for (let leftMs = 0, stepMs = 0; ; leftMs -= stepMs) {
      const nowMs = clock.now();
      if (leftMs <= 0 || Math.abs(nowMs - seenMs) > CLOCK_JUMP_MS) {
        leftMs = (await tryRound()) ? periodMs : Math.min(RETRY_MS, periodMs);
      }
      seenMs = nowMs;
      stepMs = Math.min(LOOK_MS, leftMs);
      if (!(await wait(stepMs, stopping.signal))) return;
    }
  }

  async function tryRound(): Promise<boolean> {
    try {
      await ensure();
      await sweep();
      return true;
    } catch (error) {
      // Partitions are made ahead, so a round may fail; the next one comes soon.
      log.warn("partitions could not be kept: trying again", { error: messageOf(error) });
      return false;
    }
  }

  return {
    async start() {
      await ensure();
      running = run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function optionalMayDrop(table: Pick<KeptTable, "mayDrop">): Pick<KeptTable, "mayDrop"> {
  return table.mayDrop === undefined ? {} : { mayDrop: table.mayDrop };
}
