import { wait } from "@tidemill/lifecycle";
import type { Queryable } from "@tidemill/postgres";
import type { Logger } from "@tidemill/telemetry";
import { listLiveRuns } from "../store/journal-queries.ts";
import type { Lease } from "../store/shard-store.ts";
import type { Runs } from "./runs.ts";

/** Runs of taken shards that are read at a time. */
const LOADS_MAX = 4;

const LIST_AGAIN_MS = 1_000;

export interface TakeOverOptions {
  readonly database: Queryable;
  readonly runs: Pick<Runs, "load">;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

/** Loads the runs of shards that were just claimed; tries until the database answers. */
export async function takeOver(options: TakeOverOptions, leases: readonly Lease[]): Promise<void> {
  const { runs, log } = options;
  const byShard = new Map(leases.map((lease) => [lease.shard, lease]));
  const found = await listSurely(options, [...byShard.keys()]);
  // All loaders draw from one iterator, so that each run is loaded by one of them.
  const waiting = found.values();
  await Promise.all(
    Array.from({ length: LOADS_MAX }, async () => {
      for (const { id, shard } of waiting) {
        const lease = byShard.get(shard);
        if (lease !== undefined) await runs.load(id, lease);
      }
    }),
  );
  if (found.length > 0) log.info("runs taken over", { runs: found.length });
}

async function listSurely(
  { database, log, stopping }: TakeOverOptions,
  shards: readonly number[],
): Promise<Awaited<ReturnType<typeof listLiveRuns>>> {
  for (;;) {
    try {
      return await listLiveRuns(database, shards);
    } catch (error) {
      log.warn("live runs could not be listed: trying again", { error });
      if (!(await wait(LIST_AGAIN_MS, stopping))) return [];
    }
  }
}
