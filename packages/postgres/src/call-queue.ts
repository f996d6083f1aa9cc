import { ConflictError } from "@tidemill/errors";

export interface QueuedCall<Call, Answer> {
  readonly call: Call;
  readonly key: string | undefined;
  readonly bytes: number;
  settled: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** The calls of one key that no batch has taken yet. */
interface Lane<Call, Answer> {
  readonly key: string | undefined;
  readonly calls: QueuedCall<Call, Answer>[];
  /** A batch with calls of this key is in flight, so the calls here wait. */
  busy: boolean;
  /** Stands in `ready`. */
  listed: boolean;
}

export interface BatchLimits {
  readonly callsMax: number;
  readonly bytesMax: number;
}

/** Calls that wait for a commit, in the order of their keys. */
export interface CallQueue<Call, Answer> {
  readonly waitingCount: number;
  /** Whether `take` may have something to give. */
  readonly isReady: boolean;
  add(entry: QueuedCall<Call, Answer>): void;
  /** Takes calls up to the limits, but one however large; their keys are busy until released. */
  take(limits: BatchLimits): QueuedCall<Call, Answer>[];
  release(batch: readonly QueuedCall<Call, Answer>[]): void;
  settle(entry: QueuedCall<Call, Answer>, answer: Answer | Error): void;
  fail(entry: QueuedCall<Call, Answer>, error: unknown): void;
}

/** Taken lanes are cut off the front of `ready` only now and then, since each cut copies it. */
const READY_CUT_AT = 1_024;

/**
 * Keeps order per key without scanning what waits: a lane stands in `ready` while it has calls and
 * its key is not in flight. In a chained queue a call that fails takes the waiting ones of its key
 * with it.
 */
export function createCallQueue<Call, Answer>(options: {
  readonly chained: boolean;
}): CallQueue<Call, Answer> {
  const lanes = new Map<string, Lane<Call, Answer>>();
  let ready: Lane<Call, Answer>[] = [];
  let readyFrom = 0;
  let waiting = 0;

  function laneOf(key: string | undefined): Lane<Call, Answer> {
    const known = key === undefined ? undefined : lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane<Call, Answer> = { key, calls: [], busy: false, listed: false };
    if (key !== undefined) lanes.set(key, lane);
    return lane;
  }

  function list(lane: Lane<Call, Answer>): void {
    if (lane.busy || lane.listed || lane.calls.length === 0) return;
    lane.listed = true;
    ready.push(lane);
  }

  function forgetIfIdle(lane: Lane<Call, Answer>): void {
    const idle = !lane.busy && !lane.listed && lane.calls.length === 0;
    if (idle && lane.key !== undefined) lanes.delete(lane.key);
  }

  function take(limits: BatchLimits): QueuedCall<Call, Answer>[] {
    const batch: QueuedCall<Call, Answer>[] = [];
    let bytes = 0;
    while (readyFrom < ready.length) {
      const lane = ready[readyFrom];
      if (lane === undefined) break;
      const count = countFitting(lane.calls, limits, batch.length, bytes);
      if (count === 0 && lane.calls.length > 0) break;
      readyFrom += 1;
      lane.listed = false;
      for (const entry of lane.calls.splice(0, count)) {
        bytes += entry.bytes;
        batch.push(entry);
      }
      lane.busy = count > 0;
      forgetIfIdle(lane);
    }
    if (readyFrom >= READY_CUT_AT || readyFrom === ready.length) {
      ready = ready.slice(readyFrom);
      readyFrom = 0;
    }
    waiting -= batch.length;
    return batch;
  }

  function fail(entry: QueuedCall<Call, Answer>, error: unknown): void {
    if (entry.settled) return;
    entry.settled = true;
    entry.reject(error);
    if (options.chained && entry.key !== undefined) failWaiting(entry.key, error);
  }

  function failWaiting(key: string, cause: unknown): void {
    const followers = lanes.get(key)?.calls.splice(0) ?? [];
    waiting -= followers.length;
    for (const follower of followers) fail(follower, earlierCallFailed(cause));
  }

  return {
    get waitingCount() {
      return waiting;
    },
    get isReady() {
      return readyFrom < ready.length;
    },
    add(entry) {
      waiting += 1;
      const lane = laneOf(entry.key);
      lane.calls.push(entry);
      list(lane);
    },
    take,
    release(batch) {
      for (const { key } of batch) {
        const lane = key === undefined ? undefined : lanes.get(key);
        if (lane === undefined || !lane.busy) continue;
        lane.busy = false;
        list(lane);
        forgetIfIdle(lane);
      }
    },
    settle(entry, answer) {
      if (answer instanceof Error) return fail(entry, answer);
      if (entry.settled) return;
      entry.settled = true;
      entry.resolve(answer);
    },
    fail,
  };
}

/** How many calls of a lane still fit; the first call of a batch always does. */
function countFitting(
  calls: readonly { readonly bytes: number }[],
  limits: BatchLimits,
  callsBefore: number,
  bytesBefore: number,
): number {
  let bytes = bytesBefore;
  let count = 0;
  for (const { bytes: more } of calls) {
    const first = callsBefore + count === 0;
    if (!first && (callsBefore + count >= limits.callsMax || bytes + more > limits.bytesMax)) break;
    bytes += more;
    count += 1;
  }
  return count;
}

/** What a call gets that was computed from the outcome of one that then failed. */
export function earlierCallFailed(cause: unknown): ConflictError {
  return new ConflictError("EARLIER_CALL_FAILED", "an earlier call of the same key failed", {
    cause,
  });
}
