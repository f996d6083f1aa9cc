import type { EdgeRequest } from "./plain-http.ts";

/** What is read of a body that nobody wants, before the connection is cut instead. */
const DISCARD_BYTES_MAX = 64 * 1024 * 1024;
const DISCARD_MS_MAX = 10_000;

/**
 * Reads on what is left of a request that was answered early. Over HTTP/1.1 a client that is still
 * sending would otherwise find its connection closed, and many then never see the answer.
 */
export function discardBody(request: EdgeRequest): void {
  if (request.httpVersionMajor >= 2 || request.readableEnded || request.destroyed) return;
  let discardedBytes = 0;
  const timer = setTimeout(() => request.destroy(), DISCARD_MS_MAX);
  request.on("close", () => clearTimeout(timer));
  request.on("end", () => clearTimeout(timer));
  request.on("data", (chunk: Buffer) => {
    discardedBytes += chunk.length;
    if (discardedBytes > DISCARD_BYTES_MAX) request.destroy();
  });
}
