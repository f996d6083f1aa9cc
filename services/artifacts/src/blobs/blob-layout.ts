import { join } from "node:path";
import type { Digest } from "../domain/digest.ts";

/**
 * Where things lie below the artifacts directory. A blob's place follows from its digest alone;
 * one of more than one chunk has a file of chunk digests beside it.
 */
export interface BlobLayout {
  readonly blobs: string;
  readonly temporary: string;
  readonly logs: string;
  directoryOf(digest: Digest): string;
  blobOf(digest: Digest): string;
  chunksOf(digest: Digest): string;
}

export function blobLayout(root: string): BlobLayout {
  const blobs = join(root, "blobs");
  const directoryOf = (digest: Digest) => join(blobs, digest.slice(0, 2), digest.slice(2, 4));
  return {
    blobs,
    temporary: join(root, "tmp"),
    logs: join(root, "logs"),
    directoryOf,
    blobOf: (digest) => join(directoryOf(digest), digest),
    chunksOf: (digest) => join(directoryOf(digest), `${digest}.chunks`),
  };
}
