import type { Service } from "./service.ts";
import { stopSignal } from "./signals.ts";

/**
 * Starts a service, waits for a signal to stop, and stops it. A signal that comes before it has
 * started ends the process at once, with 0: nothing was promised to anybody yet.
 */
export async function runUntilStopped(
  service: Service,
  onSignal: (signal: NodeJS.Signals) => void,
): Promise<void> {
  const stopped = stopSignal();
  const early = await Promise.race([service.start(), stopped]);
  if (early !== undefined) process.exit(0);
  onSignal(await stopped);
  await service.stop();
}
