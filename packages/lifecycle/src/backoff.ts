import { setTimeout as delay } from "node:timers/promises";

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor?: number;
  /** Returns a number in [0, 1); full jitter spreads restarts of many clients apart. */
  readonly random?: () => number;
}

/** Delays that grow by `factor` (2) up to `maxMs`, each drawn from [half, whole] of its step. */
export function backoff(options: BackoffOptions): { nextMs(): number; reset(): void } {
  const factor = options.factor ?? 2;
  const random = options.random ?? Math.random;
  let stepMs = options.initialMs;
  return {
    nextMs() {
      const chosenMs = stepMs / 2 + (random() * stepMs) / 2;
      stepMs = Math.min(stepMs * factor, options.maxMs);
      return chosenMs;
    },
    reset() {
      stepMs = options.initialMs;
    },
  };
}

/** Resolves after `ms`, or at once with `false` when the signal aborts: never throws. */
export async function wait(ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
    return true;
  } catch {
    // Only an abort rejects here, and an abort is an answer, not a failure.
    return false;
  }
}
