import { constants } from "node:http2";
import type { Readable } from "node:stream";
import type { EdgeRequest } from "./plain-http.ts";

/** What is read of a body that nobody wants, before the connection is cut instead. */
const DISCARD_BYTES_MAX = 64 * 1024 * 1024;
const DISCARD_MS_MAX = 10_000;

/**
 * Reads what is left of a request that can be answered already. An HTTP/1.1 client that is still
 * sending often never sees an answer that overtakes it. Returns false when too much is left: the
 * connection must be closed then.
 */
export async function discardBody(request: EdgeRequest): Promise<boolean> {
  if (request.httpVersionMajor >= 2 || request.complete) return true;
  // Whoever was reading has answered; while a reader is left the stream would not flow.
  request.removeAllListeners("readable");
  return drain(request);
}

/**
 * Reads what is left of an HTTP/2 request once its answer is out: bytes that nobody reads keep
 * the stream open, and its connection at a stop.
 */
export function discardWhenAnswered(request: EdgeRequest): void {
  if (!("stream" in request)) return;
  const { stream } = request;
  stream.once("finish", async () => {
    if (stream.readableEnded) return;
    stream.removeAllListeners("data");
    if (!(await drain(stream))) stream.close(constants.NGHTTP2_CANCEL);
  });
}

/** Reads to the end and returns true, or false when that takes too long or is too much. */
function drain(stream: Readable): Promise<boolean> {
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
      stream.off("data", onData).off("end", onEnd).off("close", onEnd);
      resolve(complete);
    };
    stream.on("data", onData).on("end", onEnd).on("close", onEnd);
    stream.resume();
  });
}
