import { createHash, type Hash } from "node:crypto";
import { CHUNK_SIZE_BYTES, DIGEST_SIZE_BYTES } from "../domain/digest.ts";

/** What a blob is verified by: the digest of all its bytes and one of each chunk. */
export interface ContentDigests {
  readonly digest: string;
  readonly sizeBytes: number;
  /** SHA-256 of each chunk one after another, 32 bytes each. Of no bytes: empty. */
  readonly chunkDigests: Uint8Array;
}

/** Hashes bytes as they come, whole and chunk by chunk. Runs in a worker thread. */
export class ContentDigester {
  readonly #whole: Hash = createHash("sha256");
  #chunk: Hash = createHash("sha256");
  #chunkFilled = 0;
  #sizeBytes = 0;
  readonly #chunkDigests: Buffer[] = [];

  update(bytes: Uint8Array): void {
    this.#whole.update(bytes);
    this.#sizeBytes += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, CHUNK_SIZE_BYTES - this.#chunkFilled);
      this.#chunk.update(bytes.subarray(at, at + length));
      this.#chunkFilled += length;
      at += length;
      if (this.#chunkFilled === CHUNK_SIZE_BYTES) this.#endChunk();
    }
  }

  finish(): ContentDigests {
    if (this.#chunkFilled > 0) this.#endChunk();
    return {
      digest: this.#whole.digest("hex"),
      sizeBytes: this.#sizeBytes,
      chunkDigests: Uint8Array.from(
        Buffer.concat(this.#chunkDigests, this.#chunkDigests.length * DIGEST_SIZE_BYTES),
      ),
    };
  }

  #endChunk(): void {
    this.#chunkDigests.push(this.#chunk.digest());
    this.#chunk = createHash("sha256");
    this.#chunkFilled = 0;
  }
}
