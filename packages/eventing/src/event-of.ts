import {
  type DescMessage,
  getOption,
  hasOption,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { assert, InvalidError } from "@tidemill/errors";
import { type EventType, event } from "@tidemill/proto/tidemill/common/v1/event_pb.ts";

/** One event as it is kept: the attributes of CloudEvents 1.0 and the data. */
export interface OutboxEvent {
  /** UUIDv7. */
  readonly id: string;
  readonly namespace: string;
  readonly subject: string;
  readonly type: string;
  readonly source: string;
  readonly entity: string;
  readonly entityId: string;
  readonly entityVersion: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
  /** W3C trace context of what caused it, or `""`. */
  readonly traceparent: string;
}

/** What only the caller knows about an event. */
export interface EventAttributes {
  readonly id: string;
  readonly namespace: string;
  readonly entityId: string;
  /** Grows by one with each event of the entity. */
  readonly entityVersion: number;
  readonly time: number;
  readonly traceparent?: string | undefined;
}

/** Below the broker's limit of 1 MiB for data and headers together. */
export const EVENT_BYTES_MAX = 768 * 1024;

/**
 * The event whose data is `message`. Its type, source and subject come from the message's own
 * `(tidemill.common.v1.event)` option. Throws InvalidError EVENT_TOO_LARGE past EVENT_BYTES_MAX.
 */
export function eventOf<Desc extends DescMessage>(
  schema: Desc,
  attributes: EventAttributes,
  message: MessageShape<Desc>,
): OutboxEvent {
  const { service, entity, verb } = eventTypeOf(schema);
  const { id, namespace, entityId, entityVersion, time } = attributes;
  return {
    id,
    namespace,
    subject: `tidemill.${service}.${namespace}.${entity}.${verb}.v1`,
    type: schema.typeName,
    source: `/tidemill/${service}`,
    entity,
    entityId,
    entityVersion,
    time,
    data: requireSmall(toBinary(schema, message), schema.typeName),
    traceparent: attributes.traceparent ?? "",
  };
}

/** Options are decoded once: descriptors keep them as bytes. */
const eventTypes = new WeakMap<DescMessage, EventType>();

function eventTypeOf(schema: DescMessage): EventType {
  const known = eventTypes.get(schema);
  if (known !== undefined) return known;
  assert(hasOption(schema, event), `${schema.typeName} has the event option`);
  const type = getOption(schema, event);
  eventTypes.set(schema, type);
  return type;
}

function requireSmall(data: Uint8Array, type: string): Uint8Array {
  if (data.byteLength <= EVENT_BYTES_MAX) return data;
  throw new InvalidError(
    "EVENT_TOO_LARGE",
    `the event ${type} would have ${data.byteLength} bytes: an event has at most ` +
      `${EVENT_BYTES_MAX}, so names, metadata and messages of what it is about must be shorter`,
  );
}
