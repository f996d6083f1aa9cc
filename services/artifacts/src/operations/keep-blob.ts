import type { Clock } from "@tidemill/lifecycle";
import type { GroupCommit } from "@tidemill/postgres";
import type { BlobStore } from "../blobs/blob-store.ts";
import type { Digest } from "../domain/digest.ts";
import { requireClaims } from "../domain/digest-claims.ts";
import type { BlobRecord } from "../store/blobs.ts";

export interface KeepBlobContext {
  readonly blobs: BlobStore;
  /** Rows of many uploads share a commit. */
  readonly blobRows: GroupCommit<BlobRecord, undefined>;
  readonly clock: Clock;
}

export interface KeepBlob {
  readonly namespace: string;
  readonly caller: string;
  /** What the bytes must hash to, from wherever the caller said so. */
  readonly claims: readonly Digest[];
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Throws when fewer bytes came than the caller was going to send. */
  readonly requireWhole: (sizeBytes: number) => void;
}

/**
 * Takes in a blob and makes it readable in its namespace. The file is in its place before the row
 * is: a row whose file is missing never exists. Throws InvalidError DIGEST_MISMATCH, QuotaError
 * BLOB_TOO_LARGE or DISK_FULL, and nothing is kept then.
 */
export async function keepBlob(ctx: KeepBlobContext, command: KeepBlob): Promise<BlobRecord> {
  const staged = await ctx.blobs.stage(command.bytes);
  try {
    command.requireWhole(staged.sizeBytes);
    requireClaims(command.claims, staged.digest, staged.sizeBytes);
  } catch (error) {
    await staged.discard();
    throw error;
  }
  await staged.commit();
  const record: BlobRecord = {
    namespace: command.namespace,
    digest: staged.digest,
    sizeBytes: staged.sizeBytes,
    createdBy: command.caller,
    createdAt: ctx.clock.now(),
  };
  await ctx.blobRows.submit(record);
  return record;
}
