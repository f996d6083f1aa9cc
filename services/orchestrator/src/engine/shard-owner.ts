import { messageOf, UnavailableError } from "@tidemill/errors";
import { type Service, wait } from "@tidemill/lifecycle";
import type { Database } from "@tidemill/postgres";
import type { Logger } from "@tidemill/telemetry";
import { beatShards, claimShards, type Lease, releaseShards } from "../store/shard-store.ts";

/** An owner says that it lives this often; a third of the time after which it would lose all. */
export const HEARTBEAT_MS = 2_000;

export interface ShardOwnerOptions {
  readonly database: Database;
  /** Name of this process in the lease rows; also its application_name at Postgres. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** Loads the runs of shards that were just claimed; what it throws is tried again. */
  readonly take: (leases: readonly Lease[]) => Promise<void>;
  readonly drop: (lease: Lease) => void;
  readonly log: Logger;
}

/** Holds as many shards as it can get. */
export interface ShardOwner extends Service {
  readonly count: number;
  owns(shard: number): boolean;
  /**
   * The lease of a shard, once its runs are loaded. Throws UnavailableError when another process
   * has it.
   */
  leaseOf(shard: number): Lease | Promise<Lease>;
  /** Resolves when no shard is being taken over. */
  settled(): Promise<void>;
  /** Another process was seen to have it. */
  lost(lease: Lease): void;
}

interface Held {
  readonly lease: Lease;
  ready: boolean;
  readonly loaded: Promise<void>;
}

export function createShardOwner(options: ShardOwnerOptions): ShardOwner {
  const { database, owner, log } = options;
  const held = new Map<number, Held>();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let taking: Promise<void> = Promise.resolve();

  async function beat(): Promise<void> {
    const mine = new Map(
      (await beatShards(database, owner)).map((lease) => [lease.shard, lease.epoch]),
    );
    for (const { lease } of [...held.values()]) {
      if (mine.get(lease.shard) !== lease.epoch) lost(lease);
    }
    const claimed = await claimShards(database, owner, options.leaseMs);
    if (claimed.length > 0) take(claimed);
  }

  function take(leases: readonly Lease[]): void {
    log.info("shards taken", { shards: leases.length });
    for (const lease of leases) {
      const stale = held.get(lease.shard);
      if (stale !== undefined) lost(stale.lease);
    }
    const loaded = options.take(leases).then(() => {
      for (const lease of leases) {
        const mine = held.get(lease.shard);
        if (mine?.lease === lease) mine.ready = true;
      }
    });
    taking = Promise.all([taking, loaded]).then(() => undefined);
    for (const lease of leases) held.set(lease.shard, { lease, ready: false, loaded });
  }

  function lost(lease: Lease): void {
    if (held.get(lease.shard)?.lease !== lease) return;
    held.delete(lease.shard);
    log.warn("shard lost", { shard: lease.shard, epoch: lease.epoch });
    options.drop(lease);
  }

  async function run(): Promise<void> {
    while (await wait(options.heartbeatMs, stopping.signal)) {
      try {
        await beat();
      } catch (error) {
        // Commits are fenced, so an owner that cannot say that it lives does no harm.
        log.warn("shards could not be kept: trying again", { error: messageOf(error) });
      }
    }
  }

  async function readyLease(shard: number): Promise<Lease> {
    for (;;) {
      const mine = held.get(shard);
      if (mine === undefined) throw notOwned(shard);
      if (mine.ready) return mine.lease;
      await mine.loaded;
    }
  }

  return {
    get count() {
      return held.size;
    },
    owns: (shard) => held.has(shard),
    leaseOf(shard) {
      const mine = held.get(shard);
      return mine?.ready === true ? mine.lease : readyLease(shard);
    },
    settled: () => taking,
    lost,
    async start() {
      await beat();
      running = run();
    },
    async stop() {
      stopping.abort();
      await running;
      if (running === undefined) return;
      held.clear();
      try {
        await releaseShards(database, owner);
      } catch (error) {
        // The lease runs out by itself.
        log.warn("shards could not be given back", { error: messageOf(error) });
      }
    },
  };
}

function notOwned(shard: number): UnavailableError {
  return new UnavailableError(
    "orchestrator",
    `shard ${shard} of the runs is owned by another orchestrator, or is being taken over: try again`,
  );
}
