import type { EventStream } from "./event-stream.ts";
import type { PositionedEvent } from "./positioned-event.ts";

/** Events sent whose acknowledgement has not come yet. */
export const IN_FLIGHT_MAX = 256;

/**
 * Publishes all events in their order, up to IN_FLIGHT_MAX without waiting, and answers the highest
 * sequence. Throws the first failure once all that were sent are answered; some may have arrived.
 */
export async function publishInOrder(
  events: readonly PositionedEvent[],
  stream: Pick<EventStream, "publish">,
): Promise<number> {
  let highest = 0;
  let next = 0;
  let failure: { error: unknown } | undefined;

  /** Each lane sends the next event as soon as its last one is acknowledged. */
  async function lane(): Promise<void> {
    for (let event = events[next++]; event !== undefined; event = events[next++]) {
      if (failure !== undefined) return;
      try {
        highest = Math.max(highest, await stream.publish(event));
      } catch (error) {
        failure ??= { error };
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT_MAX, events.length) }, lane));
  if (failure !== undefined) throw failure.error;
  return highest;
}
