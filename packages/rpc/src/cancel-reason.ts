import { Code, ConnectError } from "@connectrpc/connect";
import { CanceledError, DeadlineError } from "@tidemill/errors";

/** Why a call's signal aborted, as an error of ours. */
export function cancelReason(reason: unknown): Error {
  if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) {
    return new DeadlineError("DEADLINE_EXCEEDED", "the caller's deadline passed");
  }
  if (
    reason instanceof Error &&
    reason.name !== "AbortError" &&
    !(reason instanceof ConnectError)
  ) {
    return reason;
  }
  return new CanceledError("CANCELED", "the caller went away");
}

/** What a handler threw; when it only passed on that its signal aborted, the reason for that. */
export function causeOf(thrown: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted) return thrown;
  const passedOn = thrown instanceof Error && thrown.name === "AbortError";
  return passedOn || thrown === signal.reason ? cancelReason(signal.reason) : thrown;
}
