import { wait } from "@tidemill/lifecycle";

/** Ends a sleep early; a wake that comes before the sleep is not lost. */
export interface Waker {
  wake(): void;
  /** Forgets earlier wakes: call before looking for work. */
  rest(): void;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export function createWaker(): Waker {
  let woken = false;
  let sleeper: AbortController | undefined;
  return {
    wake() {
      woken = true;
      sleeper?.abort();
    },
    rest() {
      woken = false;
    },
    async sleep(ms, signal) {
      if (woken) return;
      sleeper = new AbortController();
      await wait(ms, AbortSignal.any([signal, sleeper.signal]));
      sleeper = undefined;
    },
  };
}
