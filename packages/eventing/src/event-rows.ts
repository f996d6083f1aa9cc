import type { PositionedEvent } from "./positioned-event.ts";

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
  readonly seen: number;
}

const columns =
  "id, namespace, subject, type, source, entity, entity_id, entity_version, time, data, " +
  "traceparent, position";

/**
 * Events behind position $1 in order: at most $2 of them, and as many as stay within $3 bytes of
 * data, but at least one. `seen` is how many there would have been without the limit of bytes.
 * Sizes come from the headers of values, so what is cut off is not read.
 */
export function selectEvents(condition = "true"): string {
  return `
    select ${columns}, seen from (
      select ${columns}, count(*) over () as seen,
             sum(octet_length(data)) over (order by position) - octet_length(data) as bytes_before
      from (select ${columns} from outbox where position > $1 and ${condition}
            order by position limit $2) candidates) sized
    where bytes_before <= $3 order by position`;
}

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
