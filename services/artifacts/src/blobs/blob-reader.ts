import { type FileHandle, open, readFile } from "node:fs/promises";
import { IntegrityError } from "@tidemill/errors";
import type { ByteRange } from "../domain/byte-range.ts";
import { CHUNK_SIZE_BYTES, DIGEST_SIZE_BYTES, type Digest } from "../domain/digest.ts";
import type { BlobLayout } from "./blob-layout.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { decodeChunkDigests } from "./chunk-digests.ts";
import type { DigestPool } from "./digest-pool.ts";
import { hasCode } from "./durable-files.ts";

export interface BlobReaderParts {
  readonly layout: BlobLayout;
  readonly digests: DigestPool;
  readonly chunks: BufferPool;
}

/** Verified bytes. The memory is given back by `release`, after which they must not be touched. */
export interface VerifiedBytes {
  readonly bytes: Uint8Array;
  release(): void;
}

/** Chunks that are read and verified ahead of the one in use. */
const CHUNKS_AHEAD = 1;
/** Up to this size memory is taken as needed; larger chunks share the pool. */
const SMALL_BYTES_MAX = 256 * 1024;

/** An open blob. Every byte it gives has been compared with the digest of its chunk. */
export class BlobReader {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly #parts: BlobReaderParts;
  readonly #file: FileHandle;
  readonly #chunkDigests: readonly string[];

  private constructor(
    parts: BlobReaderParts,
    file: FileHandle,
    blob: { digest: Digest; sizeBytes: number; chunkDigests: readonly string[] },
  ) {
    this.#parts = parts;
    this.#file = file;
    this.digest = blob.digest;
    this.sizeBytes = blob.sizeBytes;
    this.#chunkDigests = blob.chunkDigests;
  }

  /** Throws IntegrityError BLOB_MISSING, BLOB_SIZE_DIFFERS or BLOB_CHUNKS_CORRUPT. */
  static async open(
    parts: BlobReaderParts,
    digest: Digest,
    sizeBytes: number,
  ): Promise<BlobReader> {
    const file = await openExisting(parts.layout.blobOf(digest), digest);
    try {
      const { size } = await file.stat();
      if (size !== sizeBytes) throw sizeDiffers(digest, size, sizeBytes);
      const chunkDigests = await readChunkDigests(parts.layout, digest, sizeBytes);
      return new BlobReader(parts, file, { digest, sizeBytes, chunkDigests });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * The bytes of a range, chunk by chunk. Throws IntegrityError BLOB_CORRUPT before the first byte
   * of a damaged chunk. Whoever takes a part releases it; the next ones are verified meanwhile.
   */
  async *read(range: ByteRange): AsyncGenerator<VerifiedBytes> {
    const last = Math.ceil(range.end / CHUNK_SIZE_BYTES);
    const ahead: Promise<VerifiedBytes>[] = [];
    let next = Math.floor(range.start / CHUNK_SIZE_BYTES);
    try {
      for (let index = next; index < last; index += 1) {
        for (; next < last && this.#mayRead(next, index); next += 1) {
          const chunk = this.#verifiedChunk(next);
          // Awaited below in its turn; until then its failure is nobody's.
          chunk.catch(() => undefined);
          ahead.push(chunk);
        }
        const chunk = await ahead.shift();
        if (chunk === undefined) throw new Error("bug: no chunk was asked for");
        const offset = index * CHUNK_SIZE_BYTES;
        yield {
          bytes: chunk.bytes.subarray(
            Math.max(0, range.start - offset),
            Math.min(chunk.bytes.length, range.end - offset),
          ),
          release: chunk.release,
        };
      }
    } finally {
      for (const result of await Promise.allSettled(ahead)) {
        if (result.status === "fulfilled") result.value.release();
      }
    }
  }

  /** The chunk in turn always; those ahead only while memory is plenty, so that nobody starves. */
  #mayRead(next: number, index: number): boolean {
    return next <= index || (next <= index + CHUNKS_AHEAD && this.#parts.chunks.hasSpare);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #verifiedChunk(index: number): Promise<VerifiedBytes> {
    const position = index * CHUNK_SIZE_BYTES;
    const length = Math.min(CHUNK_SIZE_BYTES, this.sizeBytes - position);
    const pooled = length > SMALL_BYTES_MAX;
    const { chunks, digests } = this.#parts;
    const buffer = pooled ? await chunks.acquire() : new SharedArrayBuffer(length);
    const release = () => {
      if (pooled) chunks.release(buffer);
    };
    try {
      const bytes = Buffer.from(buffer, 0, length);
      const read = await readFully(this.#file, bytes, position);
      const found = read === length ? await digests.digest(buffer, length) : "nothing";
      if (found !== this.#chunkDigests[index]) throw corrupt(this.digest, index, found);
      return { bytes, release };
    } catch (error) {
      release();
      throw error;
    }
  }
}

/** Reads until the buffer is full or the file ends; answers how many bytes were read. */
export async function readFully(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<number> {
  let at = 0;
  while (at < bytes.length) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, position + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at;
}

/** The digests of a blob's chunks, hex. Throws IntegrityError. */
export async function readChunkDigests(
  layout: BlobLayout,
  digest: Digest,
  sizeBytes: number,
): Promise<readonly string[]> {
  if (sizeBytes === 0) return [];
  if (sizeBytes <= CHUNK_SIZE_BYTES) return [digest];
  let encoded: Buffer;
  try {
    encoded = await readFile(layout.chunksOf(digest));
  } catch (error) {
    throw hasCode(error, "ENOENT") ? missing(digest, error) : error;
  }
  const bytes = Buffer.from(decodeChunkDigests(digest, encoded, sizeBytes));
  return Array.from({ length: bytes.length / DIGEST_SIZE_BYTES }, (_, index) =>
    bytes.toString("hex", index * DIGEST_SIZE_BYTES, (index + 1) * DIGEST_SIZE_BYTES),
  );
}

async function openExisting(path: string, digest: Digest): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw hasCode(error, "ENOENT") ? missing(digest, error) : error;
  }
}

function missing(digest: Digest, cause: unknown): IntegrityError {
  return new IntegrityError(
    "BLOB_MISSING",
    `blob ${digest} is recorded, but its file is gone from the disk: upload it again`,
    { metadata: { digest }, cause },
  );
}

function sizeDiffers(digest: Digest, found: number, recorded: number): IntegrityError {
  return new IntegrityError(
    "BLOB_SIZE_DIFFERS",
    `blob ${digest} has ${found} bytes on disk where ${recorded} were kept: upload it again`,
    { metadata: { digest } },
  );
}

function corrupt(digest: Digest, index: number, found: string): IntegrityError {
  return new IntegrityError(
    "BLOB_CORRUPT",
    `chunk ${index} of blob ${digest} is damaged on disk (its digest is ${found}): upload it again`,
    { metadata: { digest, chunk: String(index) } },
  );
}
