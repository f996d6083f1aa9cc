import type { OutboxEvent } from "./event-of.ts";

/** An event that has its place in the history. */
export interface PositionedEvent extends OutboxEvent {
  readonly position: number;
}
