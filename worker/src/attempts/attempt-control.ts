import { CanceledError } from "@tidemill/errors";
import type { PreparedTask, Remark } from "../runners/runner.ts";

export type StopCause = "canceled" | "worker-stopping";

/**
 * The handle on one attempt while it is under way: how to stop it, and what it has said so far.
 * `aborted` ends every waiting; a task that runs is ended by signals.
 */
export class AttemptControl {
  readonly warnings: Remark[] = [];
  limits: readonly string[] = [];
  startedAtMs: number | undefined;
  readonly #abort = new AbortController();
  #task: PreparedTask | undefined;
  #cause: StopCause | undefined;
  #graceMs = 0;

  get aborted(): AbortSignal {
    return this.#abort.signal;
  }

  /** Why it was told to stop; undefined while it was not. */
  get stopCause(): StopCause | undefined {
    return this.#cause;
  }

  /** A later call may shorten the grace, and never changes the cause. */
  stop(cause: StopCause, graceMs: number): void {
    this.#cause ??= cause;
    this.#graceMs = graceMs;
    this.#task?.stop(graceMs);
    this.#abort.abort(new CanceledError("CANCELED", "the attempt was stopped"));
  }

  /** From now on a stop is also sent to this task. */
  attach(task: PreparedTask): void {
    this.#task = task;
  }

  /** User code runs; a stop that came while it was being placed reaches it now. */
  onStarted(limits: readonly string[], nowMs: number): void {
    this.limits = limits;
    this.startedAtMs = nowMs;
    if (this.#cause !== undefined) this.#task?.stop(this.#graceMs);
  }
}
