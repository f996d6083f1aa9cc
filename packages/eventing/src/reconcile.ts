import type { EventStream } from "./event-stream.ts";
import type { RelayCursor } from "./relay-store.ts";

/**
 * How far before the stream's last message re-emission starts. Events of one chunk may have been
 * stored out of order when some of them had to be sent again, and a chunk is only begun when the
 * one before it is acknowledged whole.
 */
export const REWIND_EVENTS = 1_000;

/**
 * Where to publish from, after a look at what the broker has. It keeps what it acknowledged in
 * memory for minutes before it reaches the disk, and its directory may be deleted: a stream that is
 * not the one of the cursor, or ends before the cursor's sequence, has lost a tail. Then everything
 * behind the stream's last message is published again, and everything kept when it is empty.
 */
export async function reconcile(
  cursor: RelayCursor,
  stream: Pick<EventStream, "created" | "lastSequence" | "lastPosition">,
): Promise<RelayCursor> {
  const sameStream = stream.created === cursor.streamCreated;
  if (sameStream && stream.lastSequence >= cursor.sequence) return cursor;
  const last = (await stream.lastPosition()) ?? 0;
  return {
    position: Math.min(cursor.position, Math.max(0, last - REWIND_EVENTS)),
    streamCreated: stream.created,
    sequence: stream.lastSequence,
  };
}
