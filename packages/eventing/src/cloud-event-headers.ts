import { headers, type MsgHdrs } from "@nats-io/nats-core";
import { decodeHeaderValue, encodeHeaderValue } from "./header-codec.ts";
import type { PositionedEvent } from "./positioned-event.ts";

const POSITION_HEADER = "ce-position";

/**
 * The attributes of CloudEvents 1.0 in binary mode. Extensions: `sequence` is the version of the
 * entity, `position` the place in the service's history, `traceparent` the cause.
 */
export function cloudEventHeaders(event: PositionedEvent): MsgHdrs {
  const header = headers();
  const set = (name: string, value: string) => header.set(name, encodeHeaderValue(value));
  set("ce-specversion", "1.0");
  set("ce-id", event.id);
  set("ce-source", event.source);
  set("ce-type", event.type);
  set("ce-subject", `${event.entity}/${event.entityId}`);
  set("ce-time", new Date(event.time).toISOString());
  set("ce-datacontenttype", "application/protobuf");
  set("ce-dataschema", `type.googleapis.com/${event.type}`);
  set("ce-sequence", String(event.entityVersion));
  set("ce-namespace", event.namespace);
  set(POSITION_HEADER, String(event.position));
  if (event.traceparent !== "") set("ce-traceparent", event.traceparent);
  return header;
}

/** The position that a message of the stream carries; undefined when it is none of ours. */
export function positionOf(header: Pick<MsgHdrs, "get">): number | undefined {
  const position = Number(decodeHeaderValue(header.get(POSITION_HEADER)) || undefined);
  return Number.isSafeInteger(position) ? position : undefined;
}
