import { NotFoundError } from "@tidemill/errors";
import type { BlobStore } from "../blobs/blob-store.ts";
import { pastEnd } from "../blobs/log-file.ts";
import type { OpenLog, OpenLogs } from "../blobs/open-logs.ts";
import { type LogKey, type LogState, logName } from "../domain/log.ts";

export interface ReadLogContext {
  readonly logs: OpenLogs;
  readonly blobs: BlobStore;
}

export interface ReadLog {
  readonly key: LogKey;
  readonly offset: number;
  readonly follow: boolean;
  /** Start this many bytes before the end instead; 0 means at `offset`. */
  readonly tailBytes: number;
  readonly signal: AbortSignal;
}

export interface LogPart {
  readonly offset: number;
  readonly data: Uint8Array;
  /** When the last of the bytes came, where that is known. */
  readonly time: number | undefined;
}

/** Bytes of one part. */
const PART_BYTES_MAX = 256 * 1024;

/**
 * The bytes of a log from an offset; with `follow` until it is sealed, waiting for it to begin if
 * it has not. Throws NotFoundError, OutOfRangeError LOG_OFFSET_PAST_END, and IntegrityError when a
 * sealed log is damaged on disk.
 */
export async function* readLog(ctx: ReadLogContext, query: ReadLog): AsyncGenerator<LogPart> {
  const { log, dispose } = await ctx.logs.lend(query.key);
  try {
    if (!log.isRecorded && !query.follow) throw new NotFoundError("log", logName(query.key));
    const size = log.sizeBytes;
    let offset = query.tailBytes > 0 ? Math.max(0, size - query.tailBytes) : query.offset;
    for (;;) {
      const changed = log.changed;
      if (log.state.kind === "sealed") {
        yield* readSealed(ctx, log.state, offset);
        return;
      }
      const part = await nextPart(log, offset);
      if (part !== undefined) {
        yield part;
        offset += part.data.length;
      } else if (isSealed(log)) {
        // Meanwhile: the rest is read from the blob.
      } else if (!query.follow) {
        if (offset > log.sizeBytes) throw pastEnd(offset, log.sizeBytes);
        return;
      } else if (!(await changedBefore(changed, query.signal))) return;
    }
  } finally {
    dispose();
  }
}

function isSealed(log: OpenLog): boolean {
  return log.state.kind === "sealed";
}

/** The next bytes of a log that can still grow. */
async function nextPart(log: OpenLog, offset: number): Promise<LogPart | undefined> {
  const end = log.sizeBytes;
  if (offset >= end) return undefined;
  const data = await log.file.read(offset, PART_BYTES_MAX);
  // Sealed meanwhile, and its file gone: the caller looks again.
  if (data.length === 0) return undefined;
  const isLast = offset + data.length >= end;
  return { offset, data, time: isLast ? log.appendedAt : undefined };
}

async function* readSealed(
  ctx: ReadLogContext,
  state: Extract<LogState, { kind: "sealed" }>,
  offset: number,
): AsyncGenerator<LogPart> {
  if (offset > state.sizeBytes) throw pastEnd(offset, state.sizeBytes);
  if (offset === state.sizeBytes) return;
  const reader = await ctx.blobs.open(state.digest, state.sizeBytes);
  try {
    let at = offset;
    for await (const chunk of reader.read({ start: offset, end: state.sizeBytes })) {
      // Copied, because the chunk's memory is used again and a message may outlive it.
      const bytes = Buffer.from(chunk.bytes);
      chunk.release();
      for (let from = 0; from < bytes.length; from += PART_BYTES_MAX) {
        const data = bytes.subarray(from, from + PART_BYTES_MAX);
        yield { offset: at, data, time: undefined };
        at += data.length;
      }
    }
  } finally {
    await reader.close();
  }
}

async function changedBefore(changed: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([changed, aborted]);
  signal.removeEventListener("abort", onAbort);
  return !signal.aborted;
}
