import { type StatsFs, statfsSync } from "node:fs";
import { messageOf, QuotaError, TidemillError } from "@tidemill/errors";

/** With less than this left, whatever a task died of may well have been a full disk. */
const FREE_BYTES_LOW = 64 * 1024 * 1024;
const FREE_FILES_LOW = 100;
const MIB = 1024 ** 2;
const FULL_CODES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

type DiskSpace = Pick<StatsFs, "bavail" | "bsize" | "files" | "ffree">;

/**
 * A disk that took no more, as QuotaError DISK_FULL: this worker's or the artifact service's.
 * Undefined for an error of another kind.
 */
export function diskFullIn(error: unknown): QuotaError | undefined {
  if (error instanceof TidemillError) {
    return error instanceof QuotaError && error.reason === "DISK_FULL" ? error : undefined;
  }
  if (!(error instanceof Error) || !("code" in error) || !FULL_CODES.has(String(error.code))) {
    return undefined;
  }
  const message = `the disk of this worker is full, make room on it (${messageOf(error)})`;
  return new QuotaError("DISK_FULL", message, { cause: error });
}

/** What to tell of a disk that is, or nearly is, full; undefined while there is room. */
export function nearlyFull(
  directory: string,
  look: (path: string) => DiskSpace = statfsSync,
): string | undefined {
  const { bavail, bsize, files, ffree } = look(directory);
  const freeBytes = bavail * bsize;
  // Some file systems count no files.
  const hasFewFiles = files > 0 && ffree < FREE_FILES_LOW;
  if (freeBytes >= FREE_BYTES_LOW && !hasFewFiles) return undefined;
  const left = freeBytes < FREE_BYTES_LOW ? `${Math.floor(freeBytes / MIB)} MiB` : `${ffree} files`;
  return `the disk of this worker has room for ${left} only, which may be why: make room on it`;
}
