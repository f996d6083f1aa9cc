import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { QuotaError } from "@tidemill/errors";

/** Makes a directory's entries durable: without it a renamed file may be gone after a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** So many directories are remembered as made; then they are looked at again. */
const REMEMBERED_MAX = 100_000;

/** Creates directories below a root so that they outlive a power cut, each once per process. */
export class DurableDirectories {
  readonly #root: string;
  readonly #made = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#root = root;
  }

  async make(directory: string): Promise<void> {
    let made = this.#made.get(directory);
    if (made === undefined) {
      if (this.#made.size >= REMEMBERED_MAX) this.#made.clear();
      made = this.#create(directory);
      this.#made.set(directory, made);
      // What failed is tried again by the next caller.
      made.catch(() => this.#made.delete(directory));
    }
    await made;
  }

  /** Call after a directory was removed. */
  forget(directory: string): void {
    this.#made.delete(directory);
  }

  async #create(directory: string): Promise<void> {
    if (directory === this.#root) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return;
    }
    const parent = dirname(directory);
    await this.make(parent);
    try {
      await mkdir(directory, { mode: 0o700 });
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
    await syncDirectory(parent);
  }
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/**
 * What a full disk looks like to a caller: QuotaError DISK_FULL. Other errors come back as they
 * are.
 */
export function mapDiskError(error: unknown): unknown {
  if (!hasCode(error, "ENOSPC", "EDQUOT")) return error;
  return new QuotaError(
    "DISK_FULL",
    "the disk of the artifact store is full: free some space and try again",
    { cause: error },
  );
}
