import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WorkResponseSchema } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";

export type WorkMessage = MessageInitShape<typeof WorkResponseSchema>;

/** Messages that may wait for a worker that does not read; past it the connection is given up. */
const WORK_MESSAGES_WAITING_MAX = 10_000;

/** What goes out to one worker: written by the hub, read by its stream. */
export interface WorkConnection extends AsyncIterable<WorkMessage> {
  readonly closed: boolean;
  /** Does nothing once closed: what matters is said again when the worker comes back. */
  send(message: WorkMessage): void;
  /** Ends the stream after what was sent; with a reason, by an error. */
  close(reason?: Error): void;
}

export function createWorkConnection(): WorkConnection {
  const waiting: WorkMessage[] = [];
  let wake: (() => void) | undefined;
  let closed = false;
  let failure: Error | undefined;

  function signal(): void {
    wake?.();
    wake = undefined;
  }

  async function* read(): AsyncGenerator<WorkMessage> {
    for (;;) {
      for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
        yield message;
      }
      if (failure !== undefined) throw failure;
      if (closed) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function close(reason?: Error): void {
    if (closed) return;
    closed = true;
    failure = reason;
    signal();
  }

  return {
    get closed() {
      return closed;
    },
    send(message) {
      if (closed) return;
      waiting.push(message);
      if (waiting.length > WORK_MESSAGES_WAITING_MAX) close(new Error("the worker does not read"));
      signal();
    },
    close,
    [Symbol.asyncIterator]: read,
  };
}
