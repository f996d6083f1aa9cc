import { type Database, type Queryable, statement } from "@tidemill/postgres";

/** How many parts the runs are divided into; the table has a row for each. */
const SHARD_COUNT = 64;

/** An owner that was silent for so long, by the database's clock, loses its shards. */
export const LEASE_MS = 15_000;

/** One shard as its owner holds it. */
export interface Lease {
  readonly shard: number;
  readonly epoch: number;
}

/**
 * Commits hold this lock shared and a claim holds it alone: so no commit that has compared epochs
 * is still under way once a claim has raised them. Row locks would do the same and write to every
 * lease row at every commit.
 */
export const FENCE_LOCK = 7_164_390_113;

const lockForClaim = statement("shards_lock_claim", "select pg_advisory_xact_lock($1)");
const lockForCommit = statement("shards_lock_commit", "select pg_advisory_xact_lock_shared($1)");

/**
 * Free, silent for a lease, or of a process whose connections are all gone: the kernel closes those
 * of a killed process at once, so that a restart does not wait for the lease to run out.
 */
const claim = statement<Lease>(
  "shards_claim",
  `update shards set owner = $1, epoch = epoch + 1, heartbeat_at = clock_timestamp()
   where owner <> $1 and (
     owner = ''
     or heartbeat_at < clock_timestamp() - $2::double precision * interval '1 millisecond'
     or not exists (select 1 from pg_stat_activity a where a.application_name = shards.owner))
   returning shard, epoch`,
);

const heartbeat = statement<Lease>(
  "shards_heartbeat",
  `update shards set heartbeat_at = clock_timestamp() where owner = $1 returning shard, epoch`,
);

const release = statement(
  "shards_release",
  `update shards set owner = '', heartbeat_at = '-infinity' where owner = $1`,
);

const selectValid = statement<{ shard: number }>(
  "shards_valid",
  `select s.shard from unnest($1::smallint[], $2::bigint[]) f (shard, epoch)
   join shards s on s.shard = f.shard and s.epoch = f.epoch`,
);

/** Takes every shard that nobody holds and answers those it got, under their new epochs. */
export async function claimShards(
  database: Pick<Database, "transaction">,
  owner: string,
  leaseMs: number,
): Promise<readonly Lease[]> {
  return database.transaction(async (tx) => {
    const [, claimed] = await Promise.all([
      tx.query(lockForClaim, [FENCE_LOCK]),
      tx.query(claim, [owner, leaseMs]),
    ]);
    return claimed.rows;
  });
}

/** Says that the owner lives and answers what it still holds. */
export async function beatShards(db: Queryable, owner: string): Promise<readonly Lease[]> {
  return (await db.query(heartbeat, [owner])).rows;
}

/** Gives everything back, so that the next owner need not wait. */
export async function releaseShards(db: Queryable, owner: string): Promise<void> {
  await db.query(release, [owner]);
}

/**
 * Which of these leases still stand. They go on standing until the transaction ends: a claim waits
 * for it.
 */
export async function lockValidShards(
  tx: Queryable,
  leases: readonly Lease[],
): Promise<ReadonlySet<number>> {
  const shards = leases.map((lease) => lease.shard);
  const epochs = leases.map((lease) => lease.epoch);
  const [, valid] = await Promise.all([
    tx.query(lockForCommit, [FENCE_LOCK]),
    tx.query(selectValid, [shards, epochs]),
  ]);
  return new Set(valid.rows.map((row) => row.shard));
}

/** FNV-1a over the id's characters: the same in every release, as rows keep its answer. */
export function shardOf(runId: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < runId.length; index++) {
    hash = Math.imul(hash ^ runId.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % SHARD_COUNT;
}
