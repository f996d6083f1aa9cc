import { ConflictError } from "@tidemill/errors";
import { type Database, statement } from "@tidemill/postgres";
import { type EventRow, fromRow, selectEvents } from "./event-rows.ts";
import type { PositionedEvent } from "./positioned-event.ts";

/** How far the relay has come: every event up to `position` was acknowledged. */
export interface RelayCursor {
  readonly position: number;
  /** When the stream was created in which `sequence` counts; `""` before the first one. */
  readonly streamCreated: string;
  /** The highest sequence acknowledged for an event up to `position`. */
  readonly sequence: number;
}

/** The relay's row, for one term of leadership. */
export interface RelayStore {
  readonly cursor: RelayCursor;
  /** Throws ConflictError when another relay has taken over since. */
  save(cursor: RelayCursor): Promise<void>;
  /**
   * Like `save` for a cursor that goes back, but on disk when it resolves: once events are
   * published again, the stream no longer shows that some are missing.
   */
  rewind(cursor: RelayCursor): Promise<void>;
  loadEvents(afterPosition: number, limit: number): Promise<PositionedEvent[]>;
}

interface RelayRow {
  readonly epoch: number;
  readonly published_position: number;
  readonly stream_created: string;
  readonly stream_sequence: number;
}

const takeOver = statement<RelayRow>(
  "relay_take_over",
  `update event_relay set epoch = epoch + 1
   returning epoch, published_position, stream_created, stream_sequence`,
);

const saveCursor = statement(
  "relay_save",
  `update event_relay
   set published_position = $2, stream_created = $3, stream_sequence = $4 where epoch = $1`,
);

/** What a chunk holds in memory at most. */
const CHUNK_BYTES_MAX = 16 * 1024 * 1024;

const selectChunk = statement<EventRow>("relay_events", selectEvents());

/** Begins a term: whatever an earlier leader still writes is refused from now on. */
export async function takeOverRelay(database: Database): Promise<RelayStore> {
  const [row] = (await database.query(takeOver)).rows;
  if (row === undefined) throw new Error("bug: the row of event_relay is missing");
  const { epoch } = row;
  let cursor: RelayCursor = {
    position: row.published_position,
    streamCreated: row.stream_created,
    sequence: row.stream_sequence,
  };

  async function write(
    next: RelayCursor,
    run: (values: readonly unknown[]) => Promise<{ readonly rowCount: number }>,
  ): Promise<void> {
    const { position, streamCreated, sequence } = next;
    const { rowCount } = await run([epoch, position, streamCreated, sequence]);
    if (rowCount === 0) throw new ConflictError("RELAY_SUPERSEDED", "another relay leads now");
    cursor = next;
  }

  return {
    get cursor() {
      return cursor;
    },
    // Losing the last moments of it in a crash costs repeats, which consumers drop anyway.
    save: (next) =>
      write(next, (values) =>
        database.transaction(async (tx) => {
          const [, saved] = await Promise.all([
            tx.execute("set local synchronous_commit = off"),
            tx.query(saveCursor, values),
          ]);
          return saved;
        }),
      ),
    rewind: (next) => write(next, (values) => database.query(saveCursor, values)),
    async loadEvents(afterPosition, limit) {
      const { rows } = await database.transaction(
        async (tx) => {
          // Planned while the partitions were empty, it would scan them for good.
          const [, found] = await Promise.all([
            tx.execute("set local enable_seqscan = off"),
            tx.query(selectChunk, [afterPosition, limit, CHUNK_BYTES_MAX]),
          ]);
          return found;
        },
        { readOnly: true },
      );
      return rows.map(fromRow);
    },
  };
}
