import { type Queryable, statement } from "@tidemill/postgres";
import type { OutboxEvent } from "./event-of.ts";

const append = statement(
  "outbox_append",
  `insert into outbox (id, namespace, subject, type, source, entity, entity_id, entity_version,
                       time, data, traceparent)
   select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                        $7::text[], $8::bigint[], $9::timestamptz[], $10::bytea[], $11::text[])`,
);

/**
 * Writes events into the outbox, in the transaction of the change that they tell of. Call `wake` of
 * the sequencer after the commit.
 */
export async function appendEvents(tx: Queryable, events: readonly OutboxEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.query(append, [
    events.map((event) => event.id),
    events.map((event) => event.namespace),
    events.map((event) => event.subject),
    events.map((event) => event.type),
    events.map((event) => event.source),
    events.map((event) => event.entity),
    events.map((event) => event.entityId),
    events.map((event) => event.entityVersion),
    events.map((event) => new Date(event.time).toISOString()),
    events.map((event) => event.data),
    events.map((event) => event.traceparent),
  ]);
}
