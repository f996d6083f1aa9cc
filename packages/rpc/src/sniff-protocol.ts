import type { Socket } from "node:net";

/** Every HTTP/2 connection begins so, and no HTTP/1.1 method does. */
const PREFACE_START = "PRI";

/**
 * Tells HTTP/2 from HTTP/1.1 by a connection's first bytes and puts them back. The bytes are read
 * while the socket is paused: a `data` listener would make it flow, and HTTP/2 would miss them.
 * A peer that says nothing within `timeoutMs` is cut off.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  found: (protocol: "http1" | "http2") => void,
): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  let start = Buffer.alloc(0);
  const onClose = () => clearTimeout(timer);
  const onReadable = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    start = Buffer.concat([start, chunk]);
    if (start.length < PREFACE_START.length && PREFACE_START.startsWith(start.toString("latin1"))) {
      return;
    }
    clearTimeout(timer);
    socket.off("readable", onReadable).off("close", onClose);
    const isHttp2 = start.toString("latin1", 0, PREFACE_START.length) === PREFACE_START;
    socket.unshift(start);
    found(isHttp2 ? "http2" : "http1");
  };
  socket.on("readable", onReadable).on("close", onClose);
}
