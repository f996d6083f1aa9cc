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

/** Tries again after UnavailableError where repeating is safe, within the deadline. */
export async function retryUnavailable<T>(
  attempt: () => Promise<T>,
  call: RepeatableCall,
): Promise<T> {
  let delays: ReturnType<typeof backoff> | undefined;
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UnavailableError) || attempts >= ATTEMPTS_MAX) throw error;
      if (!isRepeatable(call.method, call.request)) throw error;
      delays ??= backoff({ initialMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
      const delayMs = delays.nextMs();
      if (Date.now() + delayMs >= call.deadline) throw error;
      if (!(await wait(delayMs, call.signal))) throw error;
    }
  }
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
