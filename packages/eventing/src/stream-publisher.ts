import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { UnavailableError } from "@tidemill/errors";

/** Publishes to a stream on one connection and hears the acknowledgements. */
export interface StreamPublisher {
  /** Answers the message's sequence once the stream has it, also when it had it before. */
  publish(message: StreamMessage): Promise<number>;
}

export interface StreamMessage {
  readonly id: string;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
}

interface Waiting {
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
}

/** What JetStream answers to a message. */
interface Acknowledgement {
  readonly seq?: number;
  readonly error?: { readonly code: number; readonly description: string };
}

const CHECK_MS = 500;

/**
 * All messages share one inbox and one watch over the time, where the client's own `publish` makes
 * a request, a timer and two errors for each: half of what publishing costs. When nothing is
 * acknowledged for `timeoutMs`, or the connection ends, everything that waits fails.
 */
export function createStreamPublisher(
  connection: NatsConnection,
  stream: string,
  timeoutMs: number,
): StreamPublisher {
  const inbox = createInbox();
  const waiting = new Map<string, Waiting>();
  let next = 0;
  let heardMs = performance.now();

  function failAll(error: Error): void {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  connection.subscribe(`${inbox}.*`, {
    callback(error, message) {
      if (error !== null) return failAll(brokerError("acknowledgements cannot be heard", error));
      heardMs = performance.now();
      const token = message.subject.slice(inbox.length + 1);
      const entry = waiting.get(token);
      waiting.delete(token);
      if (entry !== undefined) settle(entry, message);
    },
  });
  const watch = setInterval(() => {
    if (waiting.size === 0 || performance.now() - heardMs < timeoutMs) return;
    failAll(brokerError(`nothing was acknowledged for ${timeoutMs} ms`));
  }, CHECK_MS);
  watch.unref();
  void connection.closed().then(() => {
    clearInterval(watch);
    failAll(brokerError("the connection ended"));
  });

  return {
    publish({ id, subject, data, headers }) {
      headers.set("Nats-Msg-Id", id);
      headers.set("Nats-Expected-Stream", stream);
      next += 1;
      const token = String(next);
      if (waiting.size === 0) heardMs = performance.now();
      return new Promise((resolve, reject) => {
        waiting.set(token, { resolve, reject });
        try {
          connection.publish(subject, data, { headers, reply: `${inbox}.${token}` });
        } catch (cause) {
          waiting.delete(token);
          reject(brokerError("the message could not be sent", cause));
        }
      });
    },
  };
}

function settle({ resolve, reject }: Waiting, message: Msg): void {
  const sequence = sequenceOf(message);
  if (typeof sequence === "number") resolve(sequence);
  else reject(sequence);
}

function sequenceOf(message: Msg): number | UnavailableError {
  if (message.headers?.code === NO_RESPONDERS) return brokerError("no stream takes the message");
  try {
    const { seq, error } = message.json<Acknowledgement>();
    // A refusal may carry a sequence of 0 beside its error.
    if (error !== undefined) return brokerError(error.description);
    return seq ?? brokerError("the acknowledgement has no sequence");
  } catch (cause) {
    return brokerError("the acknowledgement cannot be read", cause);
  }
}

const NO_RESPONDERS = 503;

function brokerError(why: string, cause?: unknown): UnavailableError {
  return new UnavailableError("nats", `nats is not available: ${why}`, { cause });
}
