import {
  ConflictError,
  isRetriable,
  messageOf,
  QuotaError,
  UnavailableError,
} from "@tidemill/errors";
import { backoff, type Clock, type IdSource, wait } from "@tidemill/lifecycle";
import type { GroupCommit, IdempotencyKey } from "@tidemill/postgres";
import { currentTraceparent, type Logger } from "@tidemill/telemetry";
import type { Command, Effect } from "../domain/command.ts";
import type { Plan } from "../domain/plan.ts";
import type { Task } from "../domain/run.ts";
import { isFinalRun } from "../domain/states.ts";
import { type StepResult, step } from "../domain/step.ts";
import type { RunRecord } from "../store/records.ts";
import { type Lease, shardOf } from "../store/shard-store.ts";
import type { KeptAnswer, Transition } from "../store/transition.ts";
import { AnsweredBefore } from "../store/transition-writer.ts";
import type { LiveRun } from "./live-run.ts";
import { planTransition } from "./plan-transition.ts";
import type { RunLoader } from "./run-loader.ts";
import { runRecordOf } from "./run-records.ts";

/** The most runs that one orchestrator holds in memory because they have not ended. */
const RUNS_LIVE_MAX = 10_000;

const RELOAD_INITIAL_MS = 50;
const RELOAD_MAX_MS = 2_000;

/** What others do about runs. Called synchronously; none of them may throw. */
export interface RunFollower {
  /** A task may go to a worker; called before the commit, before which nothing leaves us. */
  dispatchable(live: LiveRun, task: Task): void;
  /** The consequences of a command are all known: queued tasks may be placed. */
  settled(): void;
  committed(live: LiveRun, transition: Transition): void;
  /** Asked for by a committed event. */
  stopAttempt(effect: Extract<Effect, { kind: "stopAttempt" }>): void;
  ended(live: LiveRun): void;
  loaded(live: LiveRun): void;
  /** Its memory is of no use any more; `loaded` or `gone` follows. */
  evicted(live: LiveRun): void;
  /** It has ended, was never kept, or is another orchestrator's now. */
  gone(runId: string): void;
}

export interface RunsOptions {
  readonly commit: Pick<GroupCommit<Transition, undefined>, "submit">;
  readonly load: RunLoader;
  readonly follower: () => RunFollower;
  /** The lease of a shard; waits while its runs are being loaded, throws when another has it. */
  readonly leaseOf: (shard: number) => Lease | Promise<Lease>;
  readonly onShardLost: (lease: Lease) => void;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

export type CreateCommand = Extract<Command, { kind: "create" }>;

export interface Request {
  readonly key: IdempotencyKey | undefined;
  readonly encode: (run: RunRecord) => Uint8Array;
}

export interface Requested {
  readonly run: RunRecord;
  readonly changed: boolean;
}

/** The runs that have not ended, of all shards of this process. */
export interface Runs {
  readonly size: number;
  /** Answers after the commit. Throws AnsweredBefore for a request that had its answer. */
  create(command: CreateCommand, plan: Plan, request: Request): Promise<RunRecord>;
  /**
   * Like `create`, for a run that is there; undefined when it has ended or never was. A request
   * that changed nothing is not remembered.
   */
  request(runId: string, command: Command, request: Request): Promise<Requested | undefined>;
  /**
   * Takes a worker's word. Resolves once everything known about the run is committed; a stale
   * report changes nothing and resolves likewise.
   */
  report(runId: string, command: Command): Promise<void>;
  /** Carries a command out on a run in memory; resolves after its commit. */
  execute(live: LiveRun, command: Command): Promise<void>;
  find(runId: string): LiveRun | undefined;
  /** Loads a run that has not ended; gives up when its lease is lost. */
  load(runId: string, lease: Lease): Promise<void>;
  /** Forgets the runs of a lease that is lost. */
  drop(lease: Lease): void;
}

export function createRuns(options: RunsOptions): Runs {
  const { commit, ids, clock, log } = options;
  const live = new Map<string, LiveRun>();
  const loading = new Map<string, Promise<void>>();

  async function get(runId: string): Promise<LiveRun | undefined> {
    await options.leaseOf(shardOf(runId));
    for (;;) {
      const found = live.get(runId);
      if (found !== undefined) return found;
      const underWay = loading.get(runId);
      if (underWay === undefined) return undefined;
      await underWay;
    }
  }

  /** Submits what a step led to and answers a promise of the commit. */
  function take(run: LiveRun, { events, effects }: StepResult, request?: Request): Promise<void> {
    const firstSeq = run.lastSeq + 1;
    run.lastSeq += events.length;
    const transition = planTransition(run.run, events, {
      lease: run.lease,
      firstSeq,
      tasksBefore: run.tasksRecorded,
      answer: request === undefined ? undefined : keptAnswer(run, request),
      traceparent: currentTraceparent() ?? "",
      ids,
    });
    run.tasksRecorded += transition.addedTasks.length;
    const committed = submit(run, transition, effects);
    announce(run, effects);
    return committed;
  }

  function submit(run: LiveRun, transition: Transition, effects: readonly Effect[]): Promise<void> {
    run.commitsUnderWay += 1;
    const committed = commit.submit(transition).then(
      () => {
        run.commitsUnderWay -= 1;
        perform(run, transition, effects);
      },
      (error: unknown) => {
        run.commitsUnderWay -= 1;
        evict(run, error);
        throw error;
      },
    );
    run.lastCommit = committed;
    // Whoever waits for it hears of the failure; that nobody may wait is no crash.
    committed.catch(() => undefined);
    return committed;
  }

  function announce(run: LiveRun, effects: readonly Effect[]): void {
    const follower = options.follower();
    for (const effect of effects) {
      if (effect.kind !== "dispatchable") continue;
      const task = run.run.tasks.get(effect.taskId);
      if (task !== undefined) follower.dispatchable(run, task);
    }
  }

  function perform(run: LiveRun, transition: Transition, effects: readonly Effect[]): void {
    if (run.dead) return;
    const follower = options.follower();
    follower.committed(run, transition);
    for (const effect of effects) {
      if (effect.kind === "stopAttempt") follower.stopAttempt(effect);
    }
    if (!isFinalRun(run.run.state) || run.commitsUnderWay > 0) return;
    if (live.get(run.id) === run) live.delete(run.id);
    follower.ended(run);
  }

  /** Memory is ahead of the rows for good, so it is thrown away and read anew. */
  function evict(run: LiveRun, error: unknown): void {
    if (run.dead) return;
    run.dead = true;
    if (live.get(run.id) === run) live.delete(run.id);
    options.follower().evicted(run);
    if (error instanceof ConflictError && error.reason === "SHARD_LOST") {
      options.onShardLost(run.lease);
    }
    if (error instanceof AnsweredBefore || !holds(run.lease)) {
      options.follower().gone(run.id);
      return;
    }
    log.warn("a commit failed: the run is read again", {
      run_id: run.id,
      error: messageOf(error),
    });
    void load(run.id, run.lease);
  }

  function load(runId: string, lease: Lease): Promise<void> {
    const known = loading.get(runId);
    if (known !== undefined) return known;
    const underWay = loadUntilDone(runId, lease).finally(() => loading.delete(runId));
    loading.set(runId, underWay);
    return underWay;
  }

  async function loadUntilDone(runId: string, lease: Lease): Promise<void> {
    const retry = backoff({ initialMs: RELOAD_INITIAL_MS, maxMs: RELOAD_MAX_MS });
    while (holds(lease)) {
      try {
        const loaded = await options.load(runId, lease);
        if (loaded === undefined || isFinalRun(loaded.run.state) || !holds(lease)) break;
        live.set(runId, loaded);
        options.follower().loaded(loaded);
        return;
      } catch (error) {
        if (!isRetriable(error)) {
          // Other runs go on; this one waits for somebody to repair it and start us again.
          log.error("a run cannot be loaded", { run_id: runId, error });
          break;
        }
        log.warn("a run could not be loaded: trying again", { run_id: runId, error });
        await wait(retry.nextMs(), options.stopping);
      }
    }
    options.follower().gone(runId);
  }

  const lost = new WeakSet<Lease>();

  function holds(lease: Lease): boolean {
    return !lost.has(lease) && !options.stopping.aborted;
  }

  /** Runs a step; whatever throws inside it has left the memory half changed. */
  function carryOut(run: LiveRun, command: Command, request?: Request): Promise<void> {
    try {
      const result = step(run.run, run.plan, command, { now: clock.now(), ids });
      // What changes nothing is answered no earlier than what made it so is committed.
      return result.events.length === 0 ? run.lastCommit : take(run, result, request);
    } catch (error) {
      evict(run, error);
      throw error;
    }
  }

  return {
    get size() {
      return live.size;
    },
    find: (runId) => live.get(runId),
    async create(command, plan, request) {
      if (live.size >= RUNS_LIVE_MAX) throw tooManyRuns();
      const lease = await options.leaseOf(shardOf(command.runId));
      const result = step(undefined, plan, command, { now: clock.now(), ids });
      const run: LiveRun = {
        id: command.runId,
        run: result.run,
        plan,
        lease,
        lastSeq: 0,
        tasksRecorded: 0,
        dead: false,
        commitsUnderWay: 0,
        lastCommit: Promise.resolve(),
      };
      const record = runRecordOf(run.run, result.events.length);
      const committed = take(run, result, request);
      live.set(run.id, run);
      options.follower().settled();
      await committed;
      return record;
    },
    async request(runId, command, request) {
      const run = await get(runId);
      if (run === undefined) return undefined;
      const firstSeq = run.lastSeq + 1;
      const committed = carryOut(run, command, request);
      const changed = run.lastSeq >= firstSeq;
      const record = runRecordOf(run.run, run.lastSeq);
      options.follower().settled();
      await committed;
      return { run: record, changed };
    },
    async report(runId, command) {
      const run = live.get(runId) ?? (await get(runId));
      if (run === undefined) return;
      const committed = carryOut(run, command);
      options.follower().settled();
      await committed;
    },
    execute(run, command) {
      if (run.dead) return Promise.reject(beingRead(run.id));
      return carryOut(run, command);
    },
    load,
    drop(lease) {
      lost.add(lease);
      for (const run of live.values()) {
        if (run.lease !== lease) continue;
        run.dead = true;
        live.delete(run.id);
        options.follower().evicted(run);
        options.follower().gone(run.id);
      }
    },
  };
}

function keptAnswer(run: LiveRun, { key, encode }: Request): KeptAnswer | undefined {
  if (key === undefined) return undefined;
  return { key, bytes: encode(runRecordOf(run.run, run.lastSeq)) };
}

function beingRead(runId: string): UnavailableError {
  return new UnavailableError("run", `run "${runId}" is being read again: try again`);
}

function tooManyRuns(): QuotaError {
  return new QuotaError(
    "RUNS_LIVE_MAX",
    `${RUNS_LIVE_MAX} runs have not ended yet, which is as many as one orchestrator takes: ` +
      "try again when some have",
    { metadata: { limit: String(RUNS_LIVE_MAX) } },
  );
}
