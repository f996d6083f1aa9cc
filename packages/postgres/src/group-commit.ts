import { assert, QuotaError, UnavailableError } from "@tidemill/errors";
import type { Service } from "@tidemill/lifecycle";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import { createCallQueue, earlierCallFailed, type QueuedCall } from "./call-queue.ts";
import type { Database } from "./database.ts";
import { createGroupCommitMetrics } from "./group-commit-metrics.ts";
import { isConnectionLoss } from "./map-error.ts";
import type { Transaction } from "./queryable.ts";

export interface GroupCommitOptions<Call, Answer> {
  /** Names the writer in metrics and errors. */
  readonly name: string;
  readonly database: Pick<Database, "transaction">;
  readonly log: Logger;
  readonly telemetry?: Pick<Telemetry, "meter">;
  /** The most calls of one commit. */
  readonly callsMax?: number;
  /** The most bytes of one commit, as `sizeBytes` estimates them; one call may always be larger. */
  readonly bytesMax?: number;
  readonly sizeBytes?: (call: Call) => number;
  /** The most calls that wait; past it `submit` throws QuotaError GROUP_COMMIT_FULL. */
  readonly waitingMax?: number;
  /** Commits under way at the same time. */
  readonly inFlight?: number;
  /** Calls of one key are committed in the order of submission; undefined needs no order. */
  readonly orderKey: (call: Call) => string | undefined;
  /**
   * Whether a call that fails takes those of its key with it that were submitted before it failed,
   * because they were computed from what it would have written. They fail with ConflictError
   * EARLIER_CALL_FAILED; within one batch `write` itself answers so for those behind its Error.
   */
  readonly chained?: boolean;
  /**
   * Writes all calls and answers in their order. An Error in place of an answer rejects that call
   * alone. Runs again with fewer calls when a commit failed, so it keeps no state outside `tx`.
   */
  readonly write: (tx: Transaction, calls: readonly Call[]) => Promise<readonly (Answer | Error)[]>;
  /** A faster way to write calls, tried before `write`. */
  readonly atOnce?: AtOnce<Call, Answer>;
}

/** How calls are written, together with the commit, in a single round trip. */
export interface AtOnce<Call, Answer> {
  fits(call: Call): boolean;
  /**
   * Runs in a transaction that is `atOnce`. A statement of it fails when any of the calls cannot be
   * taken; `write` then finds out which.
   */
  write(tx: Transaction, calls: readonly Call[]): Promise<readonly Answer[]>;
}

/** Gathers writes from all over a process into few commits. */
export interface GroupCommit<Call, Answer> extends Service {
  /** Resolves once the commit that holds the call has reached the disk. */
  submit(call: Call): Promise<Answer>;
}

const CALLS_MAX = 512;
const BYTES_MAX = 8 * 1024 * 1024;
const WAITING_MAX = 100_000;
const IN_FLIGHT = 2;

/**
 * Natural group commit: what arrives while commits are flushing forms the next batch, so batches
 * grow with load and nobody waits for a timer. When a batch fails, its calls are tried once more
 * one by one and only those that fail again fail, except that a lost connection fails all of them:
 * whether they were committed is unknown then. `stop` drains what was submitted.
 */
export function createGroupCommit<Call, Answer>(
  options: GroupCommitOptions<Call, Answer>,
): GroupCommit<Call, Answer> {
  const { database, write, orderKey } = options;
  const inFlightMax = options.inFlight ?? IN_FLIGHT;
  const waitingMax = options.waitingMax ?? WAITING_MAX;
  const chained = options.chained ?? false;
  const sizeBytes = options.sizeBytes ?? (() => 0);
  const limits = {
    callsMax: options.callsMax ?? CALLS_MAX,
    bytesMax: options.bytesMax ?? BYTES_MAX,
  };
  const queue = createCallQueue<Call, Answer>({ chained });
  const metrics = createGroupCommitMetrics(options.telemetry, options.name, queue);
  let inFlight = 0;
  let scheduled = false;
  let stopping = false;
  let drained: (() => void) | undefined;

  /** Waits for the end of this turn of the event loop, so that calls of one turn share a commit. */
  function schedule(): void {
    if (scheduled || inFlight >= inFlightMax || !queue.isReady) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const batch = inFlight < inFlightMax ? queue.take(limits) : [];
      if (batch.length > 0) void fly(batch);
      schedule();
    });
  }

  async function fly(batch: readonly QueuedCall<Call, Answer>[]): Promise<void> {
    inFlight += 1;
    const startedMs = performance.now();
    try {
      const settle = await commitBatch(batch);
      metrics.committed(batch.length, performance.now() - startedMs);
      // Keys are freed before callers hear of it: what they submit next may fly at once.
      queue.release(batch);
      settle();
    } finally {
      inFlight -= 1;
      schedule();
      if (inFlight === 0 && queue.waitingCount === 0) drained?.();
    }
  }

  /** Commits, or tries one by one; answers how to tell the callers. Never throws. */
  async function commitBatch(batch: readonly QueuedCall<Call, Answer>[]): Promise<() => void> {
    try {
      const answers = await commitCalls(batch);
      return () => {
        for (const [index, entry] of batch.entries()) queue.settle(entry, answers[index] as Answer);
      };
    } catch (error) {
      if (isConnectionLoss(error)) {
        return () => {
          for (const entry of batch) queue.fail(entry, error);
        };
      }
      metrics.failed();
      options.log.warn("a group commit failed: its calls are tried one by one", {
        writer: options.name,
        calls: batch.length,
        error: error instanceof Error ? error.message : String(error),
      });
      await commitOneByOne(batch);
      return () => {};
    }
  }

  async function commitOneByOne(batch: readonly QueuedCall<Call, Answer>[]): Promise<void> {
    const failures = new Map<string | undefined, unknown>();
    let lost: Error | undefined;
    for (const entry of batch) {
      // The others of the batch would only wait, each for as long as a connection may take.
      if (lost !== undefined) {
        queue.fail(entry, lost);
        continue;
      }
      if (chained && failures.has(entry.key)) {
        queue.fail(entry, earlierCallFailed(failures.get(entry.key)));
        continue;
      }
      const answer = await commitOne(entry);
      if (answer instanceof Error && entry.key !== undefined) failures.set(entry.key, answer);
      if (answer instanceof Error && isConnectionLoss(answer)) lost = answer;
      queue.settle(entry, answer);
    }
  }

  async function commitOne(entry: QueuedCall<Call, Answer>): Promise<Answer | Error> {
    try {
      const [answer] = await commitCalls([entry]);
      return answer as Answer | Error;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  async function commitCalls(batch: readonly QueuedCall<Call, Answer>[]) {
    const calls = batch.map((entry) => entry.call);
    const answers =
      (await tryAtOnce(calls)) ?? (await database.transaction((tx) => write(tx, calls)));
    assert(answers.length === calls.length, `${options.name} answered every call`);
    return answers;
  }

  /** Undefined when it could not be done, and nothing was written. */
  async function tryAtOnce(calls: readonly Call[]): Promise<readonly Answer[] | undefined> {
    const { atOnce } = options;
    if (atOnce === undefined || !calls.every((call) => atOnce.fits(call))) return undefined;
    try {
      return await database.transaction((tx) => atOnce.write(tx, calls), { atOnce: true });
    } catch (error) {
      if (isConnectionLoss(error)) throw error;
      return undefined;
    }
  }

  return {
    submit(call) {
      if (stopping) return Promise.reject(stoppingError(options.name));
      if (queue.waitingCount >= waitingMax) {
        return Promise.reject(fullError(options.name, waitingMax));
      }
      return new Promise<Answer>((resolve, reject) => {
        const bytes = sizeBytes(call);
        queue.add({ call, key: orderKey(call), bytes, settled: false, resolve, reject });
        schedule();
      });
    },
    start: () => Promise.resolve(),
    async stop() {
      stopping = true;
      if (inFlight === 0 && queue.waitingCount === 0) return;
      await new Promise<void>((resolve) => {
        const previous = drained;
        drained = () => {
          previous?.();
          resolve();
        };
      });
    },
  };
}

function stoppingError(name: string): UnavailableError {
  return new UnavailableError(name, `${name} is stopping: try again once it is back`);
}

function fullError(name: string, waitingMax: number): QuotaError {
  return new QuotaError(
    "GROUP_COMMIT_FULL",
    `${waitingMax} calls already wait for ${name}: try again later`,
    { metadata: { limit: String(waitingMax) } },
  );
}
