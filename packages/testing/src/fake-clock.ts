import type { Clock } from "@tidemill/lifecycle";

export interface FakeClock extends Clock {
  /** Moves wall-clock and monotonic time on together. */
  advance(ms: number): void;
  /** Sets the wall clock alone: it may jump, backwards too. */
  set(nowMs: number): void;
}

/** 2026-01-01T00:00:00Z: a fixed time reads well in failures. */
const START_MS = 1_767_225_600_000;

/** A clock that stands still until a test moves it. */
export function fakeClock(startMs = START_MS): FakeClock {
  let nowMs = startMs;
  let monotonicMs = 0;
  return {
    now: () => nowMs,
    monotonic: () => monotonicMs,
    advance(ms) {
      nowMs += ms;
      monotonicMs += ms;
    },
    set(value) {
      nowMs = value;
    },
  };
}
