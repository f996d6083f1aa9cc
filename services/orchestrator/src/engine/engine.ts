import { type Clock, type IdSource, type Service, serviceGroup, wait } from "@tidemill/lifecycle";
import { createGroupCommit, type Database } from "@tidemill/postgres";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import { listLiveRuns } from "../store/journal-queries.ts";
import { listRecentlyEnded } from "../store/run-queries.ts";
import { LEASE_MS, type Lease } from "../store/shard-store.ts";
import type { Transition } from "../store/transition.ts";
import { writeTransitions } from "../store/transition-writer.ts";
import { createDispatcher } from "./dispatcher.ts";
import { createEngineMetrics } from "./engine-metrics.ts";
import type { PlanCache } from "./plan-cache.ts";
import { createRunChanges, type RunChanges } from "./run-changes.ts";
import { createRunLoader } from "./run-loader.ts";
import { createRuns, type RunFollower, type Runs } from "./runs.ts";
import { createShardOwner, HEARTBEAT_MS, type ShardOwner } from "./shard-owner.ts";
import {
  createWorkerHub,
  SILENCE_MAX_MS,
  WORKER_RETURN_GRACE_MS,
  type WorkerHub,
} from "./worker-hub.ts";
import { createWorkerRegistry } from "./worker-registry.ts";

/** A safety net under what is done at once; also what finds silent workers. */
const SWEEP_MS = 1_000;

/** Runs of taken shards that are read at a time. */
const LOADS_MAX = 4;

/** Calls of one commit: past some hundreds a larger batch only makes everybody wait. */
const TRANSITIONS_PER_COMMIT_MAX = 512;

export interface EngineOptions {
  /** For commits: its connections do nothing else. */
  readonly commitDatabase: Database;
  readonly database: Database;
  /** Name of this process in the lease rows, which is also its application_name at Postgres. */
  readonly owner: string;
  readonly plans: PlanCache;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry?: Telemetry | undefined;
  /** After each commit that appended events. */
  readonly onCommit: () => void;
  readonly timing?: Partial<EngineTiming> | undefined;
}

export interface EngineTiming {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly workerReturnGraceMs: number;
  readonly workerSilenceMaxMs: number;
}

/** Carries runs out: owns shards, steps runs, commits, gives work to workers. */
export interface Engine extends Service {
  readonly runs: Pick<Runs, "create" | "request" | "find">;
  readonly hub: Pick<WorkerHub, "connect" | "receive" | "disconnect">;
  readonly changes: RunChanges;
  readonly shards: Pick<ShardOwner, "count" | "owns">;
  /** Transitions and commits since the start. */
  readonly counts: { readonly transitions: number; readonly commits: number };
}

export function createEngine(options: EngineOptions): Engine {
  const { database, clock, log, ids } = options;
  const timing: EngineTiming = {
    leaseMs: LEASE_MS,
    heartbeatMs: HEARTBEAT_MS,
    workerReturnGraceMs: WORKER_RETURN_GRACE_MS,
    workerSilenceMaxMs: SILENCE_MAX_MS,
    ...options.timing,
  };
  const stopping = new AbortController();
  const counts = { transitions: 0, commits: 0 };
  const workers = createWorkerRegistry();
  const changes = createRunChanges();
  const metrics = createEngineMetrics(options.telemetry, {
    queuedTasks: () => dispatcher.depth,
    liveRuns: () => runs.size,
    shards: () => shards.count,
    slots: () => workers.slots,
  });
  const commit = createGroupCommit<Transition, undefined>({
    name: "transitions",
    database: options.commitDatabase,
    log,
    ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
    callsMax: TRANSITIONS_PER_COMMIT_MAX,
    orderKey: (transition) => transition.runId,
    sizeBytes: sizeOf,
    chained: true,
    async write(tx, transitions) {
      const answers = await writeTransitions(tx, transitions);
      const entries = transitions.reduce((sum, { entries: { length } }) => sum + length, 0);
      counts.commits += 1;
      counts.transitions += entries;
      metrics.committed(entries);
      return answers;
    },
  });
  const runs = createRuns({
    commit,
    load: createRunLoader({ database, planOf: options.plans.planOf }),
    follower: () => follower,
    leaseOf: (shard) => shards.leaseOf(shard),
    onShardLost: (lease) => shards.lost(lease),
    ids,
    clock,
    log,
    stopping: stopping.signal,
  });
  const dispatcher = createDispatcher({ runs: () => runs, workers, ids, clock, log });
  const shards = createShardOwner({
    database,
    owner: options.owner,
    leaseMs: timing.leaseMs,
    heartbeatMs: timing.heartbeatMs,
    take: (leases) => takeOver(leases),
    drop: (lease) => runs.drop(lease),
    log,
  });
  const hub = createWorkerHub({
    runs: () => runs,
    workers,
    dispatcher,
    listRecentlyEnded: () => listRecentlyEnded(database),
    settled: () => shards.settled(),
    ownsShard: (shard) => shards.owns(shard),
    metrics,
    clock,
    log,
    returnGraceMs: timing.workerReturnGraceMs,
    silenceMaxMs: timing.workerSilenceMaxMs,
  });
  const follower: RunFollower = {
    dispatchable: dispatcher.add,
    settled: dispatcher.place,
    committed(_live, transition) {
      changes.committed(transition);
      options.onCommit();
    },
    stopAttempt: ({ workerId, attemptId }) => hub.stopAttempt(workerId, attemptId),
    ended: hub.ended,
    loaded: hub.loaded,
    evicted: dispatcher.drop,
    gone: hub.gone,
  };

  async function takeOver(leases: readonly Lease[]): Promise<void> {
    const byShard = new Map(leases.map((lease) => [lease.shard, lease]));
    const found = await listLiveRunsSurely([...byShard.keys()]);
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

  async function listLiveRunsSurely(taken: readonly number[]) {
    for (;;) {
      try {
        return await listLiveRuns(database, taken);
      } catch (error) {
        log.warn("live runs could not be listed: trying again", { error });
        if (!(await wait(SWEEP_MS, stopping.signal))) return [];
      }
    }
  }

  const sweeper = createSweeper(() => hub.sweep());
  const group = serviceGroup([
    { name: "commits", service: commit },
    { name: "shards", service: shards },
    { name: "sweep", service: sweeper },
  ]);
  return {
    runs,
    hub,
    changes,
    shards,
    counts,
    start: group.start,
    async stop() {
      stopping.abort();
      await group.stop();
    },
  };
}

/** Bytes of a call, so that a commit of many large values is cut up. */
function sizeOf({ entries }: Transition): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.byteLength;
  return bytes;
}

function createSweeper(sweep: () => void): Service {
  let timer: NodeJS.Timeout | undefined;
  return {
    start() {
      timer = setInterval(sweep, SWEEP_MS);
      return Promise.resolve();
    },
    stop() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
