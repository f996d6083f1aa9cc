import { open } from "node:fs/promises";
import { readFully } from "./blob-reader.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { ContentDigests } from "./content-digester.ts";
import type { DigestPool } from "./digest-pool.ts";

/**
 * Hashes a file from beginning to end, a piece at a time. Others of the same threads take turns
 * with it, so a large file holds nobody up.
 */
export async function digestFile(
  parts: { readonly digests: DigestPool; readonly pieces: BufferPool },
  path: string,
): Promise<ContentDigests> {
  const file = await open(path, "r");
  const session = parts.digests.session();
  const buffer = await parts.pieces.acquire();
  try {
    const bytes = new Uint8Array(buffer);
    for (let position = 0; ; ) {
      const length = await readFully(file, bytes, position);
      if (length === 0) break;
      await session.update(buffer, length);
      position += length;
    }
    return await session.finish();
  } finally {
    session.drop();
    parts.pieces.release(buffer);
    await file.close();
  }
}
