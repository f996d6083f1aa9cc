import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Digest } from "../domain/digest.ts";
import { type LogKey, logName } from "../domain/log.ts";

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
  logDirectoryOf(key: LogKey): string;
  /** A hash stands for the task, whose id may hold anything. */
  logOf(key: LogKey): string;
}

const LOG_NAME_LENGTH = 40;

export function blobLayout(root: string): BlobLayout {
  const blobs = join(root, "blobs");
  const directoryOf = (digest: Digest) => join(blobs, digest.slice(0, 2), digest.slice(2, 4));
  const logs = join(root, "logs");
  const logDirectoryOf = (key: LogKey) => join(logs, key.namespace, key.runId);
  return {
    blobs,
    temporary: join(root, "tmp"),
    logs,
    directoryOf,
    blobOf: (digest) => join(directoryOf(digest), digest),
    chunksOf: (digest) => join(directoryOf(digest), `${digest}.chunks`),
    logDirectoryOf,
    logOf(key) {
      const hash = createHash("sha256").update(logName(key)).digest("hex");
      return join(logDirectoryOf(key), `${hash.slice(0, LOG_NAME_LENGTH)}.log`);
    },
  };
}
