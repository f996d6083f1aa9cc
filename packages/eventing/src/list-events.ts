import { type Queryable, statement } from "@tidemill/postgres";
import type { OutboxEvent } from "./event-of.ts";
import { type EventRow, eventColumns, fromRow } from "./event-rows.ts";

/** An event that has its place in the history. */
export interface PositionedEvent extends OutboxEvent {
  readonly position: number;
}

export interface ListEventsQuery {
  /** `""` for all namespaces. */
  readonly namespace: string;
  readonly afterPosition: number;
  readonly limit: number;
}

export interface EventPage {
  readonly events: readonly PositionedEvent[];
  /** What to pass as `afterPosition` next. */
  readonly lastPosition: number;
}

const selectAll = statement<EventRow>(
  "events_list",
  `select ${eventColumns} from outbox where position > $1 order by position limit $2`,
);

const selectOfNamespace = statement<EventRow>(
  "events_list_namespace",
  `select ${eventColumns} from outbox where position > $1 and namespace = $3
   order by position limit $2`,
);

const selectLast = statement<{ last: number }>(
  "events_last",
  "select last_position as last from event_positions",
);

/**
 * Events behind a position, in order. Positions become visible one after the other, so nothing can
 * turn up later before one that was returned.
 */
export async function listEvents(db: Queryable, query: ListEventsQuery): Promise<EventPage> {
  const { namespace, afterPosition, limit } = query;
  // Read before the events: whatever has a position up to this one is visible to the next query.
  const last = (await db.query(selectLast)).rows[0]?.last ?? 0;
  if (last <= afterPosition) return { events: [], lastPosition: afterPosition };
  const { rows } =
    namespace === ""
      ? await db.query(selectAll, [afterPosition, limit])
      : await db.query(selectOfNamespace, [afterPosition, limit, namespace]);
  const events = rows.map(fromRow);
  const reached = events.at(-1)?.position ?? afterPosition;
  // A short page has seen everything up to `last`, also what the filter left out.
  return { events, lastPosition: events.length < limit ? Math.max(reached, last) : reached };
}
