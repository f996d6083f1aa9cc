import { chmod, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

export interface WriteOptions {
  readonly mode?: number;
  /** Off for what is only of use while the machine is up. */
  readonly sync?: boolean;
}

const PRIVATE = 0o600;

/** Replaces a file as a whole: a reader, or a start after a power cut, sees the old or the new. */
export async function writeFileDurably(
  path: string,
  content: string,
  { mode = PRIVATE, sync = true }: WriteOptions = {},
): Promise<void> {
  const partial = `${path}.partial`;
  const file = await open(partial, "w", mode);
  try {
    await file.writeFile(content);
    if (sync) await file.sync();
  } finally {
    await file.close();
  }
  await chmod(partial, mode);
  await rename(partial, path);
  if (!sync) return;
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
