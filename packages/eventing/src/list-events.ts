import { type Queryable, statement } from "@tidemill/postgres";
import { type EventRow, fromRow, selectEvents } from "./event-rows.ts";
import type { PositionedEvent } from "./positioned-event.ts";

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

/** Keeps a page below the limit of a message on both sides of an RPC. */
const PAGE_BYTES_MAX = 2 * 1024 * 1024;

const selectAll = statement<EventRow>("events_list", selectEvents());

const selectOfNamespace = statement<EventRow>(
  "events_list_namespace",
  selectEvents("namespace = $4"),
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
      ? await db.query(selectAll, [afterPosition, limit, PAGE_BYTES_MAX])
      : await db.query(selectOfNamespace, [afterPosition, limit, PAGE_BYTES_MAX, namespace]);
  const events = rows.map(fromRow);
  const reached = events.at(-1)?.position ?? afterPosition;
  const seen = rows[0]?.seen ?? 0;
  // A short page has seen everything up to `last`, also what the filter left out.
  const isShort = seen < limit && events.length === seen;
  return { events, lastPosition: isShort ? Math.max(reached, last) : reached };
}
