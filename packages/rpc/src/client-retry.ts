import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { UnavailableError } from "@tidemill/errors";
import { backoff, wait } from "@tidemill/lifecycle";

/** A call that may be made again when the server was away. */
export interface RepeatableCall {
  readonly method: DescMethod;
  readonly request: MessageInitShape<DescMessage>;
  /** Time by which all attempts must have ended. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

const ATTEMPTS_MAX = 8;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;

/**
 * Tries again after UnavailableError where repeating is safe, within the deadline. A call that
 * succeeds at once, as nearly all do, costs no more than the attempt itself.
 */
export function retryUnavailable<T>(attempt: () => Promise<T>, call: RepeatableCall): Promise<T> {
  return attempt().catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error;
    if (!isRepeatable(call.method, call.request)) throw error;
    return tryAgain(attempt, call, error);
  });
}

async function tryAgain<T>(
  attempt: () => Promise<T>,
  call: RepeatableCall,
  first: UnavailableError,
): Promise<T> {
  const delays = backoff({ initialMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
  let last = first;
  for (let attempts = 1; attempts < ATTEMPTS_MAX; attempts += 1) {
    const delayMs = delays.nextMs();
    if (Date.now() + delayMs >= call.deadline) break;
    if (!(await wait(delayMs, call.signal))) break;
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      last = error;
    }
  }
  throw last;
}

/** Verbs that only read, by the naming rule of the contract. */
const readingVerbs = /^(Get|List|Find|Read|Watch|Check|Validate)[A-Z]/;

/** Safe: a read, a method declared idempotent, or a mutation that carries its `request_id`. */
export function isRepeatable(method: DescMethod, request: MessageInitShape<DescMessage>): boolean {
  if (method.idempotency !== IdempotencyLevel.IDEMPOTENCY_UNKNOWN) return true;
  if (readingVerbs.test(method.name) || method.name === "Check") return true;
  return (
    "requestId" in request && typeof request.requestId === "string" && request.requestId !== ""
  );
}
