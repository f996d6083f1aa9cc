import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@tidemill/lifecycle";
import type { Database } from "@tidemill/postgres";
import type { BlobStore } from "../blobs/blob-store.ts";
import type { OpenLog, OpenLogs } from "../blobs/open-logs.ts";
import { requireDigest } from "../domain/digest.ts";
import { type LogKey, type LogRecord, type LogState, requireRunId } from "../domain/log.ts";
import { sealSizeDiffers } from "../domain/log-errors.ts";
import { insertBlobs } from "../store/blobs.ts";
import { sealLogRow } from "../store/logs.ts";

type Sealed = Extract<LogState, { kind: "sealed" }>;

export interface SealLogContext {
  readonly db: Database;
  readonly logs: OpenLogs;
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

export interface SealLog {
  readonly key: LogKey;
  readonly caller: string;
  /** What the log must hold by now. */
  readonly sizeBytes: number;
}

/**
 * Makes a log a blob; sealing it again gives the same answer. Throws StateError LOG_SIZE_DIFFERS.
 * The file keeps its name until the seal is recorded, so that a crash at any point loses nothing.
 */
export async function sealLog(ctx: SealLogContext, command: SealLog): Promise<LogRecord> {
  const { key, sizeBytes } = command;
  requireRunId(key.runId, ctx.clock.now());
  return await ctx.logs.use(key, (log) =>
    log.file.exclusive(async () => {
      if (log.sizeBytes !== sizeBytes) throw sealSizeDiffers(key, log.sizeBytes, sizeBytes);
      if (log.state.kind === "open") await seal(ctx, command, log);
      return { key, state: log.state };
    }),
  );
}

async function seal(ctx: SealLogContext, command: SealLog, log: OpenLog): Promise<void> {
  log.sealed(await recordSeal(ctx, command, log));
  // Readers go to the blob from here on. A file that cannot be removed is, when it is next opened.
  await log.file.remove().catch(() => undefined);
}

async function recordSeal(ctx: SealLogContext, command: SealLog, log: OpenLog): Promise<Sealed> {
  try {
    const digest = await placeBytes(ctx, log);
    const at = ctx.clock.now();
    const { namespace } = command.key;
    const { sizeBytes, caller } = command;
    await ctx.db.transaction(async (tx) => {
      const blob = { namespace, digest, sizeBytes, createdBy: caller, createdAt: at };
      await insertBlobs(tx, [blob]);
      await sealLogRow(tx, command.key, { digest, sizeBytes, at });
    });
    return { kind: "sealed", digest, sizeBytes };
  } catch (error) {
    await log.file.unshare();
    throw error;
  }
}

async function placeBytes(ctx: SealLogContext, log: OpenLog) {
  if (log.sizeBytes === 0) {
    const empty = await ctx.blobs.stage(nothing());
    await empty.commit();
    return empty.digest;
  }
  const path = join(ctx.blobs.layout.temporary, randomUUID());
  await log.file.linkTo(path);
  try {
    const digests = await ctx.blobs.digestFile(path);
    await ctx.blobs.adopt(path, digests);
    return requireDigest(digests.digest);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A log that nothing was ever written to is a blob of no bytes.
}
