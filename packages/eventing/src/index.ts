import { fileURLToPath } from "node:url";
import type { MigrationSource } from "@tidemill/postgres";

export { appendEvents } from "./append-events.ts";
export { type EventBacklog, eventBacklog } from "./event-backlog.ts";
export { createEventHandlers, type EventHandlers } from "./event-handlers.ts";
export { EVENT_BYTES_MAX, type EventAttributes, eventOf, type OutboxEvent } from "./event-of.ts";
export {
  type NatsSettings,
  STREAM_LIMITS,
  type StreamLimits,
  streamNameOf,
} from "./event-stream.ts";
export { decodeHeaderValue, encodeHeaderValue } from "./header-codec.ts";
export { type EventPage, type ListEventsQuery, listEvents } from "./list-events.ts";
export { EVENT_RETENTION_MS, outboxTable } from "./outbox-table.ts";
export type { PositionedEvent } from "./positioned-event.ts";
export { createRelay, type Relay, type RelayOptions } from "./relay.ts";
export { createSequencer, type Sequencer, type SequencerOptions } from "./sequencer.ts";

/** The outbox and its counters. Comes after `postgresMigrations` and before the service's own. */
export const eventingMigrations: MigrationSource = {
  name: "eventing",
  directory: fileURLToPath(new URL("../migrations", import.meta.url)),
};
