import { messageOf } from "@tidemill/errors";
import { type Service, wait } from "@tidemill/lifecycle";
import type { Logger } from "@tidemill/telemetry";
import { createWaker } from "./waker.ts";

export interface WakeableLoop extends Service {
  /** Has another round soon. Cheap, and may be called after every commit. */
  wake(): void;
}

export interface WakeableLoopOptions {
  readonly name: string;
  readonly log: Logger;
  /** One round; answers whether there is more to do at once. */
  readonly round: (signal: AbortSignal) => Promise<boolean>;
  /** The longest time between rounds when nobody wakes the loop. */
  readonly pollMs: number;
  /** The shortest time between the starts of two rounds: wakes meanwhile share the next one. */
  readonly paceMs?: number;
}

const RETRY_MS = 500;

/** Runs rounds one at a time: at once when woken, else every `pollMs`, later after a failure. */
export function createWakeableLoop(options: WakeableLoopOptions): WakeableLoop {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const waker = createWaker();
  let failing = false;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      waker.rest();
      const more = await tryRound();
      if (more === "failed") await wait(RETRY_MS, stopping.signal);
      else if (!more) await waker.sleep(options.pollMs, stopping.signal);
      const paceMs = (options.paceMs ?? 0) - (performance.now() - startedMs);
      if (paceMs > 0) await wait(paceMs, stopping.signal);
    }
  }

  async function tryRound(): Promise<boolean | "failed"> {
    try {
      const more = await options.round(stopping.signal);
      failing = false;
      return more;
    } catch (error) {
      // Said once: a database that is away for an hour would otherwise fill the log.
      if (!failing && !stopping.signal.aborted) {
        options.log.warn(`${options.name} failed: trying until it works`, {
          error: messageOf(error),
        });
      }
      failing = true;
      return "failed";
    }
  }

  return {
    wake: waker.wake,
    start() {
      running ??= run();
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
