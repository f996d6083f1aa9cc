import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { QuotaError } from "@tidemill/errors";
import { CHUNK_SIZE_BYTES, type Digest, requireDigest } from "../domain/digest.ts";
import type { BlobLayout } from "./blob-layout.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { encodeChunkDigests } from "./chunk-digests.ts";
import type { ContentDigests } from "./content-digester.ts";
import type { DigestPool, DigestSession } from "./digest-pool.ts";
import { type DurableDirectories, mapDiskError, syncDirectory } from "./durable-files.ts";
import type { YoungCollector } from "./young-collector.ts";

/** Buffers of one upload that are being hashed and written while the next one fills. */
const PIECES_IN_FLIGHT = 4;
/** So much is written before the disk is asked to take it: the sync at the end stays short. */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;

export interface BlobWriterParts {
  readonly layout: BlobLayout;
  readonly directories: DurableDirectories;
  readonly digests: DigestPool;
  readonly pieces: BufferPool;
  readonly collector: YoungCollector;
  readonly sizeBytesMax: number;
}

/**
 * Bytes that have arrived whole and lie in a temporary file: kept by `commit`, gone by `discard`.
 */
export interface StagedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Puts the blob in its place; it survives a power cut once this resolves. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Takes in a stream of bytes: each piece is written and hashed at the same time, off the event
 * loop. When the stream breaks or the disk is full nothing is left. Throws QuotaError
 * BLOB_TOO_LARGE or DISK_FULL, or what the stream throws.
 */
export async function stageBlob(
  parts: BlobWriterParts,
  source: AsyncIterable<Uint8Array>,
): Promise<StagedBlob> {
  const path = join(parts.layout.temporary, randomUUID());
  const file = await open(path, "wx", 0o600);
  const upload = new Upload(parts, file);
  try {
    for await (const bytes of source) {
      const room = upload.take(bytes);
      if (room !== undefined) await room;
      parts.collector.received(bytes.length);
    }
    const digests = await upload.finish();
    await file.close();
    return stagedBlob(parts, path, digests);
  } catch (error) {
    await upload.abandon();
    await file.close();
    await rm(path, { force: true });
    throw mapDiskError(error);
  }
}

/** One temporary file being filled. */
class Upload {
  readonly #file: FileHandle;
  readonly #pieces: BufferPool;
  readonly #session: DigestSession;
  readonly #sizeBytesMax: number;
  readonly #inFlight = new Set<Promise<void>>();
  #piece: { buffer: SharedArrayBuffer; view: Uint8Array } | undefined;
  #filled = 0;
  #sizeBytes = 0;
  #syncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #failure: unknown;

  constructor(parts: BlobWriterParts, file: FileHandle) {
    this.#file = file;
    this.#pieces = parts.pieces;
    this.#sizeBytesMax = parts.sizeBytesMax;
    this.#session = parts.digests.session();
  }

  /** Undefined when the bytes were taken at once, as most are: a promise for each costs. */
  take(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#sizeBytes + bytes.length > this.#sizeBytesMax) throw tooLarge(this.#sizeBytesMax);
    const piece = this.#piece;
    if (piece === undefined || this.#filled + bytes.length >= this.#pieces.sizeBytes) {
      return this.#takeInParts(bytes);
    }
    piece.view.set(bytes, this.#filled);
    this.#filled += bytes.length;
    this.#sizeBytes += bytes.length;
    return undefined;
  }

  async #takeInParts(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const piece = this.#piece ?? (await this.#nextPiece());
      const length = Math.min(bytes.length - at, this.#pieces.sizeBytes - this.#filled);
      piece.view.set(bytes.subarray(at, at + length), this.#filled);
      at += length;
      this.#filled += length;
      this.#sizeBytes += length;
      if (this.#filled === this.#pieces.sizeBytes) await this.#send();
    }
  }

  async finish(): Promise<ContentDigests> {
    await this.#send();
    await this.#settle();
    const digests = await this.#session.finish();
    await this.#file.sync();
    return digests;
  }

  /** Waits until nothing touches the file or a buffer any more. */
  async abandon(): Promise<void> {
    await Promise.allSettled([...this.#inFlight, this.#syncing]);
    this.#session.drop();
    if (this.#piece !== undefined) this.#pieces.release(this.#piece.buffer);
    this.#piece = undefined;
  }

  async #nextPiece() {
    const buffer = await this.#pieces.acquire();
    this.#piece = { buffer, view: new Uint8Array(buffer) };
    return this.#piece;
  }

  async #send(): Promise<void> {
    const piece = this.#piece;
    if (piece === undefined) return;
    const [length, position] = [this.#filled, this.#sizeBytes - this.#filled];
    this.#piece = undefined;
    this.#filled = 0;
    const sent = this.#writeAndHash(piece.buffer, length, position).finally(() => {
      this.#pieces.release(piece.buffer);
      this.#inFlight.delete(sent);
    });
    this.#inFlight.add(sent);
    sent.catch((error) => (this.#failure ??= error));
    this.#syncInBackground(position);
    while (this.#inFlight.size >= PIECES_IN_FLIGHT) await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #writeAndHash(buffer: SharedArrayBuffer, length: number, position: number): Promise<void> {
    // Both must end before the buffer is used again, also when one of them fails.
    const results = await Promise.allSettled([
      writeFully(this.#file, new Uint8Array(buffer, 0, length), position),
      this.#session.update(buffer, length),
    ]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  #syncInBackground(writtenBytes: number): void {
    if (this.#syncing !== undefined || writtenBytes - this.#syncedBytes < SYNC_EVERY_BYTES) return;
    this.#syncedBytes = writtenBytes;
    this.#syncing = this.#file
      .datasync()
      .catch((error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  async #settle(): Promise<void> {
    await Promise.all([...this.#inFlight, this.#syncing]);
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function stagedBlob(parts: BlobWriterParts, path: string, digests: ContentDigests): StagedBlob {
  const digest = requireDigest(digests.digest);
  return {
    digest,
    sizeBytes: digests.sizeBytes,
    commit: () => placeBlob(parts, path, digests),
    discard: () => rm(path, { force: true }),
  };
}

/**
 * Moves a synced file to its place, its chunk digests first: a blob that is there has them. What
 * was there already is replaced by the same bytes, which mends a damaged copy.
 */
export async function placeBlob(
  parts: Pick<BlobWriterParts, "layout" | "directories">,
  path: string,
  digests: ContentDigests,
): Promise<void> {
  const { layout, directories } = parts;
  const digest = requireDigest(digests.digest);
  const directory = layout.directoryOf(digest);
  try {
    await directories.make(directory);
    if (digests.sizeBytes > CHUNK_SIZE_BYTES) {
      const encoded = encodeChunkDigests(digest, digests.chunkDigests);
      const temporary = join(layout.temporary, randomUUID());
      await writeDurably(temporary, encoded);
      await rename(temporary, layout.chunksOf(digest));
    }
    await rename(path, layout.blobOf(digest));
    await syncDirectory(directory);
  } catch (error) {
    await rm(path, { force: true });
    throw mapDiskError(error);
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await writeFully(file, bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A write may take fewer bytes than it was given; the rest is written again. */
export async function writeFully(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

function tooLarge(sizeBytesMax: number): QuotaError {
  return new QuotaError(
    "BLOB_TOO_LARGE",
    `the blob has more than ${sizeBytesMax} bytes: split it, or raise ` +
      "TIDEMILL_ARTIFACTS_BLOB_BYTES_MAX",
    { metadata: { limit: String(sizeBytesMax) } },
  );
}
