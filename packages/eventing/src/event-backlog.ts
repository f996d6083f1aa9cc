import { type Queryable, statement } from "@tidemill/postgres";

export interface EventBacklog {
  /** Committed events without a position. */
  readonly unpositioned: number;
  /** Events with a position that the broker has not acknowledged. */
  readonly unpublished: number;
  /** The position up to which every event was acknowledged. */
  readonly published: number;
}

const selectBacklog = statement<EventBacklog>(
  "event_backlog",
  `select (select count(*) from outbox where position is null) as unpositioned,
          (select last_position from event_positions)
            - (select published_position from event_relay) as unpublished,
          (select published_position from event_relay) as published`,
);

/** What is still to do; both are 0 when every committed event has been published. */
export async function eventBacklog(db: Queryable): Promise<EventBacklog> {
  return (
    (await db.query(selectBacklog)).rows[0] ?? { unpositioned: 0, unpublished: 0, published: 0 }
  );
}
