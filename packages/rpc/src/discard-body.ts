import type { EdgeRequest } from "./plain-http.ts";

/** What is read of a body that nobody wants, before the connection is cut instead. */
const DISCARD_BYTES_MAX = 64 * 1024 * 1024;
const DISCARD_MS_MAX = 10_000;

/**
 * Reads what is left of a request that can be answered already. An HTTP/1.1 client that is still
 * sending often never sees an answer that overtakes it. Returns false when too much is left: the
 * connection must be closed then.
 */
export function discardBody(request: EdgeRequest): Promise<boolean> {
  if (request.httpVersionMajor >= 2 || request.complete) return Promise.resolve(true);
  return new Promise((resolve) => {
    let discardedBytes = 0;
    const timer = setTimeout(() => finish(false), DISCARD_MS_MAX);
    const onData = (chunk: Buffer) => {
      discardedBytes += chunk.length;
      if (discardedBytes > DISCARD_BYTES_MAX) finish(false);
    };
    const onEnd = () => finish(true);
    const finish = (complete: boolean) => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("close", onEnd);
      resolve(complete);
    };
    request.on("data", onData).on("end", onEnd).on("close", onEnd);
    // A stream that was iterated does not flow by itself again.
    request.resume();
  });
}
