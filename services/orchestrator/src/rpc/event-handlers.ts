import { createEventHandlers } from "@tidemill/eventing";
import type { Queryable } from "@tidemill/postgres";
import { EventService } from "@tidemill/proto/tidemill/orchestrator/v1/event_service_pb.ts";
import { bind, type ServiceBinding } from "@tidemill/rpc";

export function eventHandlers(database: Queryable): ServiceBinding {
  return bind(EventService, createEventHandlers({ database }));
}
