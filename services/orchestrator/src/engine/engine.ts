import { type Clock, type IdSource, type Service, serviceGroup } from "@tidemill/lifecycle";
import type { Database } from "@tidemill/postgres";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import { listRecentlyEnded } from "../store/run-queries.ts";
import { LEASE_MS } from "../store/shard-store.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createEngineMetrics } from "./engine-metrics.ts";
import type { PlanCache } from "./plan-cache.ts";
import { createRunChanges, type RunChanges } from "./run-changes.ts";
import { createRunLoader } from "./run-loader.ts";
import { createRuns, type RunFollower, type Runs } from "./runs.ts";
import { createShardOwner, HEARTBEAT_MS, type ShardOwner } from "./shard-owner.ts";
import { takeOver } from "./take-over.ts";
import { createTransitionCommit } from "./transition-commit.ts";
import {
  createWorkerHub,
  SILENCE_MAX_MS,
  WORKER_RETURN_GRACE_MS,
  type WorkerHub,
} from "./worker-hub.ts";
import { createWorkerRegistry } from "./worker-registry.ts";

/** A safety net under what is done at once; also what finds silent workers. */
const SWEEP_MS = 1_000;

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

const usualTiming: EngineTiming = {
  leaseMs: LEASE_MS,
  heartbeatMs: HEARTBEAT_MS,
  workerReturnGraceMs: WORKER_RETURN_GRACE_MS,
  workerSilenceMaxMs: SILENCE_MAX_MS,
};

export function createEngine(options: EngineOptions): Engine {
  const { database, clock, log, ids } = options;
  const timing = { ...usualTiming, ...options.timing };
  const stopping = new AbortController();
  const counts = { transitions: 0, commits: 0 };
  const workers = createWorkerRegistry();
  const changes = createRunChanges();
  const metrics = createEngineMetrics(options.telemetry, () => ({
    queuedTasks: dispatcher.depth,
    liveRuns: runs.size,
    shards: shards.count,
    slots: workers.slots,
  }));
  const commit = createTransitionCommit({
    database: options.commitDatabase,
    log,
    telemetry: options.telemetry,
    onWrite(entries) {
      counts.commits += 1;
      counts.transitions += entries;
      metrics.committed(entries);
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
    take: (leases) => takeOver({ database, runs, log, stopping: stopping.signal }, leases),
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
  const follower = followerOf({ dispatcher, hub, changes, onCommit: options.onCommit });
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

interface Followers {
  readonly dispatcher: Dispatcher;
  readonly hub: WorkerHub;
  readonly changes: RunChanges;
  readonly onCommit: () => void;
}

/** Who hears what of runs. */
function followerOf({ dispatcher, hub, changes, onCommit }: Followers): RunFollower {
  return {
    dispatchable: dispatcher.add,
    settled: dispatcher.place,
    committed(_live, transition) {
      changes.committed(transition);
      onCommit();
    },
    stopAttempt: ({ workerId, attemptId }) => hub.stopAttempt(workerId, attemptId),
    ended: hub.ended,
    loaded: hub.loaded,
    evicted: dispatcher.drop,
    gone: hub.gone,
  };
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
