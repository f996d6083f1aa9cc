import { createHash } from "node:crypto";
import { IntegrityError } from "@tidemill/errors";
import { CHUNK_SIZE_BYTES, DIGEST_SIZE_BYTES, type Digest } from "../domain/digest.ts";

/**
 * The file beside a blob: the digests of its chunks, and after them a SHA-256 over the blob's
 * digest and those, so that damage here is not taken for damage of the blob.
 */
export function encodeChunkDigests(digest: Digest, chunkDigests: Uint8Array): Buffer {
  return Buffer.concat([chunkDigests, sealOf(digest, chunkDigests)]);
}

/** Throws IntegrityError BLOB_CHUNKS_CORRUPT. */
export function decodeChunkDigests(digest: Digest, encoded: Buffer, sizeBytes: number): Uint8Array {
  const length = chunkCount(sizeBytes) * DIGEST_SIZE_BYTES;
  const chunkDigests = encoded.subarray(0, length);
  const seal = encoded.subarray(length);
  if (encoded.length !== length + DIGEST_SIZE_BYTES || !seal.equals(sealOf(digest, chunkDigests))) {
    throw new IntegrityError(
      "BLOB_CHUNKS_CORRUPT",
      `the chunk digests of blob ${digest} are damaged on disk: upload the blob again`,
      { metadata: { digest } },
    );
  }
  return chunkDigests;
}

function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / CHUNK_SIZE_BYTES);
}

function sealOf(digest: Digest, chunkDigests: Uint8Array): Buffer {
  return createHash("sha256").update(digest).update(chunkDigests).digest();
}
