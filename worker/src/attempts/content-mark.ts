import { createHash } from "node:crypto";
import { type BigIntStats, chmodSync, existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

/**
 * What the file system says about content: number, size and times of every file. Two marks of one
 * path are equal only when nobody has written, replaced, added or removed a file in between, for
 * the kernel alone sets a change time.
 */
export type ContentMark = string;

/** So many files take a few milliseconds, for which nothing else happens in this process. */
const FILES_AT_ONCE = 500;
const READABLE = 0o444;
const EXECUTABLE = 0o111;

/** The mark of what is at `path`; undefined when it is not all there to be seen. */
export function markContent(path: string): Promise<ContentMark | undefined> {
  return visitContent(path, false);
}

/**
 * Withdraws everybody's leave to write before the mark is taken: later tasks may read it. Content
 * that holds what is not stored (empty directories, pipes, links to nothing) has no mark, so that
 * every task finds what is stored.
 */
export function sealContent(path: string): Promise<ContentMark | undefined> {
  return visitContent(path, true);
}

async function visitContent(top: string, isSealing: boolean): Promise<ContentMark | undefined> {
  try {
    const found = lstatSync(top, { bigint: true });
    // What a link leads to changes without it.
    if (found.isSymbolicLink()) return undefined;
    if (!found.isDirectory()) return visitFile(top, found);
    const hash = createHash("sha256");
    let count = 0;
    let isStoredWhole = true;
    await visit(top);
    return isStoredWhole ? hash.digest("hex") : undefined;

    async function visit(directory: string): Promise<void> {
      hash.update("[");
      const names = readdirSync(directory).sort();
      if (names.length === 0 && directory !== top) isStoredWhole = false;
      for (const name of names) {
        if (++count % FILES_AT_ONCE === 0) await setImmediate();
        const path = join(directory, name);
        const entry = lstatSync(path, { bigint: true });
        hash.update(`${name}\0`);
        if (entry.isDirectory()) await visit(path);
        else hash.update(visitFile(path, entry));
        if (!entry.isDirectory() && !entry.isFile() && !leadsSomewhere(path, entry)) {
          isStoredWhole = false;
        }
      }
      hash.update("]");
      if (isSealing) withdrawWriting(directory, READABLE | EXECUTABLE);
    }
  } catch {
    // Gone, or closed to us: content without a mark is fetched when it is needed.
    return undefined;
  }

  function visitFile(path: string, found: BigIntStats): string {
    if (!isSealing || !found.isFile()) return markOf(found);
    withdrawWriting(path, READABLE | (Number(found.mode) & EXECUTABLE));
    return markOf(lstatSync(path, { bigint: true }));
  }
}

function leadsSomewhere(path: string, entry: BigIntStats): boolean {
  return entry.isSymbolicLink() && existsSync(path);
}

function markOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs};`;
}

function withdrawWriting(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch {
    // Somebody else's file. Whoever writes to it leaves a trace in the mark.
  }
}
