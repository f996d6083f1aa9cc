import type { PositionedEvent } from "./list-events.ts";

export interface EventRow {
  readonly id: string;
  readonly namespace: string;
  readonly subject: string;
  readonly type: string;
  readonly source: string;
  readonly entity: string;
  readonly entity_id: string;
  readonly entity_version: number;
  readonly time: Date;
  readonly data: Buffer;
  readonly traceparent: string;
  readonly position: number;
}

export const eventColumns =
  "id, namespace, subject, type, source, entity, entity_id, entity_version, time, data, " +
  "traceparent, position";

export function fromRow(row: EventRow): PositionedEvent {
  return {
    id: row.id,
    namespace: row.namespace,
    subject: row.subject,
    type: row.type,
    source: row.source,
    entity: row.entity,
    entityId: row.entity_id,
    entityVersion: row.entity_version,
    time: row.time.getTime(),
    data: row.data,
    traceparent: row.traceparent,
    position: row.position,
  };
}
