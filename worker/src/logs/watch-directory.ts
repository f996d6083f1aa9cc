import { watch } from "node:fs";
import { clearInterval, setInterval } from "node:timers";

const LOOK_AGAIN_MS = 250;

/**
 * Calls `onChange` when something in a directory changes; where the system has no watches left,
 * which on a desktop is easily so, now and then.
 */
export function watchDirectory(directory: string, onChange: () => void): { close(): void } {
  try {
    const watcher = watch(directory, onChange);
    // A directory that vanishes ends the attempt in other ways than through its log.
    watcher.on("error", () => undefined);
    return watcher;
  } catch {
    const timer = setInterval(onChange, LOOK_AGAIN_MS);
    return { close: () => clearInterval(timer) };
  }
}
