import type { Clock } from "@tidemill/lifecycle";
import type { GroupCommit } from "@tidemill/postgres";
import type { BlobStore } from "../blobs/blob-store.ts";
import { contentDiffers, pastEnd } from "../blobs/log-file.ts";
import type { OpenLog, OpenLogs } from "../blobs/open-logs.ts";
import { type LogKey, type LogState, requireRunId } from "../domain/log.ts";
import { logSealed } from "../domain/log-errors.ts";

export interface AppendLogContext {
  readonly logs: OpenLogs;
  readonly blobs: BlobStore;
  /** First appends of many logs share a commit. */
  readonly logRows: GroupCommit<LogKey, undefined>;
  readonly clock: Clock;
}

export interface AppendLog {
  readonly key: LogKey;
  readonly offset: number;
  readonly data: Uint8Array;
}

/**
 * Appends, and answers the log's size once the bytes are on disk. Bytes that are there already are
 * accepted when they are the same. Throws OutOfRangeError LOG_OFFSET_PAST_END, StateError
 * LOG_CONTENT_DIFFERS, LOG_SEALED or LOG_FULL, QuotaError DISK_FULL.
 */
export async function appendLog(ctx: AppendLogContext, command: AppendLog): Promise<number> {
  requireRunId(command.key.runId, ctx.clock.now());
  return await ctx.logs.use(command.key, async (log) => {
    const written = await log.file.exclusive(async () => {
      if (log.state.kind === "sealed") return await requireSealedSame(ctx, log.state, command);
      return await log.file.write(command.offset, command.data);
    });
    if (log.state.kind === "sealed") return log.sizeBytes;
    // Both must be there before anybody is told; neither needs the other.
    await Promise.all([log.file.durable(written), recordOnce(ctx, log)]);
    log.grown(ctx.clock.now());
    return log.sizeBytes;
  });
}

async function recordOnce(ctx: AppendLogContext, log: OpenLog): Promise<void> {
  if (log.isRecorded) return;
  await ctx.logRows.submit(log.key);
  log.isRecorded = true;
}

/** A repeat of an append whose answer was lost may come after the seal. */
async function requireSealedSame(
  ctx: AppendLogContext,
  state: Extract<LogState, { kind: "sealed" }>,
  command: AppendLog,
): Promise<number> {
  const { offset, data } = command;
  const end = offset + data.length;
  if (offset > state.sizeBytes) throw pastEnd(offset, state.sizeBytes);
  if (end > state.sizeBytes) throw logSealed(command.key, state.sizeBytes);
  const reader = await ctx.blobs.open(state.digest, state.sizeBytes);
  try {
    let at = 0;
    for await (const part of reader.read({ start: offset, end })) {
      const same = Buffer.compare(part.bytes, data.subarray(at, at + part.bytes.length)) === 0;
      at += part.bytes.length;
      part.release();
      if (!same) throw contentDiffers(command.key.stream, offset);
    }
  } finally {
    await reader.close();
  }
  return state.sizeBytes;
}
