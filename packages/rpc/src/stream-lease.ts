import type { HandlerContext } from "@connectrpc/connect";
import { CanceledError, UnavailableError } from "@tidemill/errors";
import { cancelReason } from "./cancel-reason.ts";
import type { RpcLimits } from "./limits.ts";

/** The right of one stream to go on: ended by age, idleness, the caller, or the server's stop. */
export class StreamLease {
  /** Aborts with the lease; handlers see it as `context.signal`. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #idleTimer: NodeJS.Timeout;
  readonly #ageTimer: NodeJS.Timeout;
  readonly #onAbort: () => void;
  readonly #outer: AbortSignal;
  #reject: ((reason: unknown) => void) | undefined;

  constructor(context: HandlerContext, limits: RpcLimits) {
    this.signal = this.#controller.signal;
    this.#outer = context.signal;
    this.#onAbort = () => this.end(cancelReason(context.signal.reason));
    if (context.signal.aborted) this.#onAbort();
    else context.signal.addEventListener("abort", this.#onAbort, { once: true });
    const { streamIdleMs, streamAgeMsMax } = limits;
    this.#idleTimer = setTimeout(() => this.end(expired("idle for", streamIdleMs)), streamIdleMs);
    this.#ageTimer = setTimeout(
      () => this.end(expired("open for", streamAgeMsMax)),
      streamAgeMsMax,
    );
  }

  /** A message went by. */
  touch(): void {
    this.#idleTimer.refresh();
  }

  /** Ends the stream: whoever waits in `race` gets the reason. Only the first reason counts. */
  end(reason: unknown): void {
    if (this.signal.aborted) return;
    this.#controller.abort(reason);
    this.#reject?.(reason);
  }

  /** The result of `work`, unless the lease ends first. One at a time. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.signal.aborted) reject(this.signal.reason);
      this.#reject = reject;
      work.then(resolve, reject);
    });
  }

  close(): void {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#ageTimer);
    this.#outer.removeEventListener("abort", this.#onAbort);
    this.end(new CanceledError("CANCELED", "the stream has ended"));
  }
}

function expired(what: string, limitMs: number): UnavailableError {
  const message = `the stream was ${what} ${limitMs} ms, the most allowed: open it again and resume`;
  return new UnavailableError("stream", message);
}
