import { randomBytes } from "node:crypto";

/** Time as an argument: a domain never reads the clock by itself. */
export interface Clock {
  /** Wall-clock time, milliseconds since the epoch. May jump. */
  now(): number;
  /** Milliseconds since an arbitrary point. Never runs backwards. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** Source of UUIDv7 ids: time-ordered, so that tables can be partitioned by them. */
export interface IdSource {
  next(): string;
}

/** Source of random bytes; seeded in tests. */
export type RandomBytes = (size: number) => Uint8Array;

/**
 * UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then a 12-bit counter that keeps ids of one
 * source increasing within a millisecond, then 62 random bits. When the clock steps back the last
 * timestamp is kept, so ids of one source never decrease.
 */
export function uuidv7Source(clock: Clock, random: RandomBytes = pooledRandom()): IdSource {
  let lastMs = 0;
  let counter = 0;
  return {
    next() {
      const nowMs = clock.now();
      if (nowMs > lastMs) {
        lastMs = nowMs;
        counter = 0;
      } else if (++counter > COUNTER_MAX) {
        lastMs += 1;
        counter = 0;
      }
      return formatUuid(lastMs, counter, random(8));
    },
  };
}

const COUNTER_MAX = 0xfff;
const RANDOM_POOL_BYTES = 4_096;

/** Asking the system for a few bytes costs as much as asking for some thousands. */
function pooledRandom(): RandomBytes {
  let pool = randomBytes(RANDOM_POOL_BYTES);
  let at = 0;
  return (size) => {
    if (at + size > pool.length) {
      pool = randomBytes(Math.max(size, RANDOM_POOL_BYTES));
      at = 0;
    }
    at += size;
    return pool.subarray(at - size, at);
  };
}

function formatUuid(timeMs: number, counter: number, random: Uint8Array): string {
  const time = timeMs.toString(16).padStart(12, "0");
  const tail = Buffer.from(random);
  tail[0] = ((tail[0] ?? 0) & 0x3f) | 0x80;
  const hex = tail.toString("hex");
  const high = (0x7000 | counter).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-${high}-${hex.slice(0, 4)}-${hex.slice(4)}`;
}
