import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { requireNamespace } from "@tidemill/config";
import { InvalidError } from "@tidemill/errors";
import type { Queryable } from "@tidemill/postgres";
import { type Event, EventSchema } from "@tidemill/proto/tidemill/common/v1/event_pb.ts";
import { listEvents } from "./list-events.ts";
import type { PositionedEvent } from "./positioned-event.ts";

/** The fields that every service's `ListEventsRequest` has. */
export interface ListEventsRequest {
  readonly namespace: string;
  readonly afterPosition: bigint;
  readonly pageSize: number;
}

export interface EventHandlers {
  listEvents(request: ListEventsRequest): Promise<{ events: Event[]; lastPosition: bigint }>;
}

const EVENTS_PAGE_SIZE = 100;
const EVENTS_PAGE_SIZE_MAX = 1_000;

/** The implementation of a service's EventService; all of them have the same shape. */
export function createEventHandlers(options: { readonly database: Queryable }): EventHandlers {
  return {
    async listEvents(request) {
      const page = await listEvents(options.database, {
        namespace: request.namespace === "" ? "" : requireNamespace(request.namespace),
        afterPosition: requirePosition(request.afterPosition),
        limit: Math.min(request.pageSize || EVENTS_PAGE_SIZE, EVENTS_PAGE_SIZE_MAX),
      });
      return { events: page.events.map(toProto), lastPosition: BigInt(page.lastPosition) };
    },
  };
}

function requirePosition(position: bigint): number {
  if (position >= 0n && position <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(position);
  const rule = `use 0 or the last_position of a page, at most ${Number.MAX_SAFE_INTEGER}`;
  throw new InvalidError("BAD_POSITION", `after_position ${position} is out of range: ${rule}`, [
    { field: "after_position", description: rule },
  ]);
}

function toProto(event: PositionedEvent): Event {
  const { time, entityVersion, position, ...same } = event;
  return create(EventSchema, {
    ...same,
    time: timestampFromMs(time),
    entityVersion: BigInt(entityVersion),
    position: BigInt(position),
  });
}
