import { once } from "node:events";
import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import type { ClientDuplexStream, ClientReadableStream, ClientWritableStream } from "@grpc/grpc-js";
import { fromWire } from "./from-wire.ts";

type Init = MessageInitShape<DescMessage>;

/** The sending half of a call. */
export interface Sending {
  /** What the caller's own iterable threw; the call was canceled for it. */
  readonly failure: unknown;
}

/** Sends messages as fast as the server takes them, then half-closes. */
export function send(
  call: ClientWritableStream<Init> | ClientDuplexStream<Init, Message>,
  requests: AsyncIterable<Init>,
  signal: AbortSignal | undefined,
): Sending {
  const sending: { failure: unknown } = { failure: undefined };
  const over = new AbortController();
  const iterator = requests[Symbol.asyncIterator]();
  const onAbort = () => call.cancel();
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  // An unheard `error` would end the process; the reader, or the callback, gets it as well.
  call.on("error", () => undefined);
  call.on("status", () => {
    over.abort();
    signal?.removeEventListener("abort", onAbort);
    // Not awaited: it may be waiting for a message that never comes.
    iterator.return?.()?.catch(() => undefined);
  });

  async function pump(): Promise<void> {
    for (;;) {
      const next = await iterator.next();
      if (over.signal.aborted) return;
      if (next.done === true) break;
      if (!call.write(next.value)) await once(call, "drain", { signal: over.signal });
    }
    call.end();
  }

  pump().catch((error: unknown) => {
    if (over.signal.aborted) return;
    sending.failure = error;
    call.cancel();
  });
  return sending;
}

export interface ReceiveOptions {
  readonly address: string;
  readonly signal?: AbortSignal | undefined;
  readonly sending?: Sending;
}

/** The server's messages as they come; leaving the loop cancels the call. */
export function receive(
  call: ClientReadableStream<Message> | ClientDuplexStream<Init, Message>,
  options: ReceiveOptions,
): AsyncIterable<Message> {
  const { signal, sending, address } = options;
  const onAbort = () => call.cancel();
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  call.on("error", () => undefined);
  call.on("status", () => signal?.removeEventListener("abort", onAbort));

  async function* messages(): AsyncGenerator<Message, void, undefined> {
    try {
      for await (const message of call) yield message;
    } catch (error) {
      throw sending?.failure ?? fromWire(error, address);
    } finally {
      call.cancel();
    }
  }

  return messages();
}
