import { mkdir, readdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Service } from "@tidemill/lifecycle";
import { CHUNK_SIZE_BYTES, type Digest } from "../domain/digest.ts";
import { type BlobLayout, blobLayout } from "./blob-layout.ts";
import { BlobReader, readChunkDigests } from "./blob-reader.ts";
import { placeBlob, type StagedBlob, stageBlob } from "./blob-writer.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { ContentDigests } from "./content-digester.ts";
import { digestFile } from "./digest-file.ts";
import { DigestPool } from "./digest-pool.ts";
import { DurableDirectories } from "./durable-files.ts";
import { YoungCollector } from "./young-collector.ts";

export interface BlobStoreOptions {
  readonly directory: string;
  readonly sizeBytesMax: number;
}

const PIECE_SIZE_BYTES = 1024 * 1024;
/** The most uploads at a time; each may hold a half-filled piece while its client is slow. */
export const UPLOADS_MAX = 64;
/** The most downloads at a time; each may hold a chunk while its client is slow. */
export const DOWNLOADS_MAX = 48;
const PIECES_MAX = 2 * UPLOADS_MAX;
const CHUNKS_MAX = DOWNLOADS_MAX + 16;
const DIGEST_THREADS_MAX = 4;

/** Bytes on disk by their SHA-256. Knows nothing of namespaces; `store/` does. */
export class BlobStore implements Service {
  readonly layout: BlobLayout;
  readonly directories: DurableDirectories;
  readonly #digests = new DigestPool(Math.min(availableParallelism(), DIGEST_THREADS_MAX));
  readonly #pieces = new BufferPool(PIECE_SIZE_BYTES, PIECES_MAX);
  readonly #collector = new YoungCollector();
  readonly #chunks = new BufferPool(CHUNK_SIZE_BYTES, CHUNKS_MAX);
  readonly #sizeBytesMax: number;

  constructor(options: BlobStoreOptions) {
    this.layout = blobLayout(options.directory);
    this.directories = new DurableDirectories(options.directory);
    this.#sizeBytesMax = options.sizeBytesMax;
  }

  /** Creates the directories and sweeps what unfinished uploads of an earlier process left. */
  async start(): Promise<void> {
    await this.directories.make(this.layout.blobs);
    await this.directories.make(this.layout.logs);
    await mkdir(this.layout.temporary, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.layout.temporary)) {
      await rm(join(this.layout.temporary, name), { recursive: true, force: true });
    }
  }

  async stop(): Promise<void> {
    await this.#digests.stop();
  }

  get sizeBytesMax(): number {
    return this.#sizeBytesMax;
  }

  /** See `stageBlob`. */
  stage(source: AsyncIterable<Uint8Array>): Promise<StagedBlob> {
    return stageBlob(
      {
        layout: this.layout,
        directories: this.directories,
        digests: this.#digests,
        pieces: this.#pieces,
        collector: this.#collector,
        sizeBytesMax: this.#sizeBytesMax,
      },
      source,
    );
  }

  /** Throws IntegrityError when what is on disk is not what was kept. The caller closes it. */
  open(digest: Digest, sizeBytes: number): Promise<BlobReader> {
    const parts = { layout: this.layout, digests: this.#digests, chunks: this.#chunks };
    return BlobReader.open(parts, digest, sizeBytes);
  }

  /** All bytes of a small blob, verified. */
  async readWhole(digest: Digest, sizeBytes: number): Promise<Buffer> {
    const reader = await this.open(digest, sizeBytes);
    try {
      const parts: Buffer[] = [];
      for await (const part of reader.read({ start: 0, end: sizeBytes })) {
        parts.push(Buffer.from(part.bytes));
        part.release();
      }
      return Buffer.concat(parts);
    } finally {
      await reader.close();
    }
  }

  /** Hex digests of the blob's chunks. Throws IntegrityError. */
  chunkDigests(digest: Digest, sizeBytes: number): Promise<readonly string[]> {
    return readChunkDigests(this.layout, digest, sizeBytes);
  }

  /** Hashes a file that nobody writes to any more. */
  digestFile(path: string): Promise<ContentDigests> {
    return digestFile({ digests: this.#digests, pieces: this.#pieces }, path);
  }

  /** Moves a synced file into the store; `digests` are what `digestFile` found. */
  adopt(path: string, digests: ContentDigests): Promise<void> {
    return placeBlob({ layout: this.layout, directories: this.directories }, path, digests);
  }
}
