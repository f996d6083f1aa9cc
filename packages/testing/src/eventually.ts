import { wait } from "@tidemill/lifecycle";

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly pollMs?: number;
}

const TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/**
 * Calls `check` until it neither throws nor answers `false` or `undefined`, and returns its answer.
 * Throws what the last call threw once the time is over, so that a test shows what was missing.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = TIMEOUT_MS, pollMs = POLL_MS }: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const endMs = performance.now() + timeoutMs;
  let failure: unknown;
  do {
    try {
      const answer = await check();
      if (isAnswer(answer)) return answer;
      failure = new Error(`still ${String(answer)} after ${timeoutMs} ms: ${check.toString()}`);
    } catch (error) {
      failure = error;
    }
    await wait(pollMs);
  } while (performance.now() < endMs);
  throw failure;
}

function isAnswer<T>(answer: T): answer is Exclude<T, false | undefined> {
  return answer !== false && answer !== undefined;
}
