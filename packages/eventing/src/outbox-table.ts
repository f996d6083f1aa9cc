import { type KeptTable, type Queryable, statement } from "@tidemill/postgres";

/** How long events are kept for `ListEvents` and for re-emission. */
export const EVENT_RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

/** Shorter than the broker takes to lose its tail and be seen again, nothing may be dropped. */
const EVENT_RETENTION_MIN_MS = 10 * 60 * 1000;

const selectPublished = statement<{ published: number }>(
  "outbox_published",
  "select published_position as published from event_relay",
);

/**
 * The outbox for a partition keeper. A partition that holds an event without a position, or one
 * that the broker has not acknowledged, is kept however old it is.
 */
export function outboxTable(db: Queryable, retentionMs: number = EVENT_RETENTION_MS): KeptTable {
  return {
    table: "outbox",
    granularity: "day",
    retentionMs: Math.max(retentionMs, EVENT_RETENTION_MIN_MS),
    async mayDrop(partition) {
      const published = (await db.query(selectPublished)).rows[0]?.published ?? 0;
      const unpublished = statement<{ waiting: boolean }>(
        `unpublished_${partition}`,
        `select exists (select from "${partition}" where position is null)
             or exists (select from "${partition}" where position > $1) as waiting`,
      );
      const { rows } = await db.query(unpublished, [published]);
      return rows[0]?.waiting === false;
    },
  };
}
