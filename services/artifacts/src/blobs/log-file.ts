import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, link, open, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OutOfRangeError, StateError } from "@tidemill/errors";
import { readFully } from "./blob-reader.ts";
import { writeFully } from "./blob-writer.ts";
import { type DurableDirectories, hasCode, mapDiskError, syncDirectory } from "./durable-files.ts";
import { Mutex } from "./mutex.ts";

export interface LogFileOptions {
  readonly path: string;
  readonly temporary: string;
  readonly directories: DurableDirectories;
  readonly sizeBytesMax: number;
}

/**
 * The file of a log that is not sealed yet. Bytes count, and are shown to readers, once they are on
 * disk; appends that wait for the disk at the same time share one sync. After a crash the size of
 * the file is the truth: what was acknowledged lies before it.
 */
export class LogFile {
  readonly #options: LogFileOptions;
  readonly #mutex = new Mutex();
  #handle: FileHandle | undefined;
  #exists = false;
  #isNew = false;
  #writtenBytes = 0;
  #durableBytes = 0;
  #syncing: Promise<void> | undefined;
  /** Why the last sync failed. What was not on disk by then may be lost, so it is cut off. */
  #syncFailure: unknown;

  private constructor(options: LogFileOptions) {
    this.#options = options;
  }

  static async load(options: LogFileOptions): Promise<LogFile> {
    const file = new LogFile(options);
    await file.unshare();
    const { size } = (await statIfThere(options.path)) ?? { size: undefined };
    file.#exists = size !== undefined;
    file.#writtenBytes = size ?? 0;
    file.#durableBytes = file.#writtenBytes;
    return file;
  }

  /** Of a log that nobody has open. */
  static async sizeOf(path: string): Promise<number> {
    return (await statIfThere(path))?.size ?? 0;
  }

  /** What is on disk for good. */
  get sizeBytes(): number {
    return this.#durableBytes;
  }

  /** Runs `work` while no append writes. */
  exclusive<Value>(work: () => Promise<Value>): Promise<Value> {
    return this.#mutex.run(work);
  }

  /**
   * Writes what the log does not have yet of `data`; call within `exclusive`. Answers the size to
   * pass to `durable`. Throws OutOfRangeError LOG_OFFSET_PAST_END, StateError LOG_CONTENT_DIFFERS
   * or LOG_FULL, QuotaError DISK_FULL.
   */
  async write(offset: number, data: Uint8Array): Promise<number> {
    if (this.#syncFailure !== undefined) await this.#cutOff();
    const size = this.#writtenBytes;
    if (offset > size) throw pastEnd(offset, size);
    if (offset + data.length > this.#options.sizeBytesMax) throw full(this.#options.sizeBytesMax);
    const known = Math.min(data.length, size - offset);
    if (known > 0) await this.#requireSame(offset, data.subarray(0, known));
    if (known === data.length) return offset + known;
    const file = await this.#open();
    try {
      await writeFully(file, data.subarray(known), size);
    } catch (error) {
      // A part may have been written; it was never acknowledged.
      await file.truncate(size);
      throw mapDiskError(error);
    }
    this.#writtenBytes = size + data.length - known;
    return this.#writtenBytes;
  }

  /** Resolves once the first `size` bytes would survive a power cut. */
  async durable(size: number): Promise<void> {
    while (this.#durableBytes < size) {
      if (this.#syncFailure !== undefined) throw this.#syncFailure;
      this.#syncing ??= this.#sync().finally(() => {
        this.#syncing = undefined;
      });
      await this.#syncing;
    }
  }

  /** Reads at most `length` of the bytes that are on disk for good; none once it was removed. */
  async read(offset: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.#durableBytes - offset);
    if (wanted <= 0) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(wanted);
    try {
      if (!this.#exists) return Buffer.alloc(0);
      const file = await this.#open();
      return bytes.subarray(0, await readFully(file, bytes, offset));
    } catch (error) {
      // Sealed, and so removed, while it was being read.
      if (!this.#exists) return Buffer.alloc(0);
      throw error;
    }
  }

  /** Another name for the same bytes, to be moved into the blob store; call within `exclusive`. */
  async linkTo(path: string): Promise<void> {
    await this.durable(this.#writtenBytes);
    await link(this.#options.path, path);
  }

  /**
   * Gives the log a file of its own again when a seal got as far as making it a blob but was never
   * recorded: appending to a blob's bytes would damage it.
   */
  async unshare(): Promise<void> {
    const { path, temporary } = this.#options;
    const found = await statIfThere(path);
    if (found === undefined || found.nlink === 1) return;
    await this.close();
    const copy = join(temporary, randomUUID());
    await copyFile(path, copy, constants.COPYFILE_EXCL);
    const file = await open(copy, "r+");
    await file.sync();
    await file.close();
    await rename(copy, path);
    await syncDirectory(dirname(path));
  }

  /** The log is a blob now: its file goes, and its directory with the last one. */
  async remove(): Promise<void> {
    this.#exists = false;
    await this.close();
    const { path, directories } = this.#options;
    await rm(path, { force: true });
    try {
      await rmdir(dirname(path));
      directories.forget(dirname(path));
    } catch (error) {
      if (!hasCode(error, "ENOTEMPTY", "EEXIST", "ENOENT")) throw error;
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle;
    const { path } = this.#options;
    if (this.#exists) {
      this.#handle = await open(path, "r+");
      return this.#handle;
    }
    this.#handle = await this.#create();
    this.#exists = true;
    this.#isNew = true;
    return this.#handle;
  }

  async #create(): Promise<FileHandle> {
    const { path, directories } = this.#options;
    const directory = dirname(path);
    // The directory may have been removed with its last log since it was made.
    for (let attempt = 1; ; attempt += 1) {
      await directories.make(directory).catch((error) => {
        throw mapDiskError(error);
      });
      try {
        return await open(path, "wx+", 0o600);
      } catch (error) {
        if (!hasCode(error, "ENOENT") || attempt === CREATE_ATTEMPTS_MAX) throw mapDiskError(error);
        directories.forget(directory);
      }
    }
  }

  async #sync(): Promise<void> {
    const size = this.#writtenBytes;
    try {
      const file = await this.#open();
      await file.datasync();
      if (this.#isNew) await syncDirectory(dirname(this.#options.path));
    } catch (error) {
      this.#syncFailure = mapDiskError(error);
      throw this.#syncFailure;
    }
    this.#isNew = false;
    this.#durableBytes = Math.max(this.#durableBytes, size);
  }

  async #cutOff(): Promise<void> {
    const file = await this.#open();
    await file.truncate(this.#durableBytes);
    this.#writtenBytes = this.#durableBytes;
    this.#syncFailure = undefined;
  }

  async #requireSame(offset: number, data: Uint8Array): Promise<void> {
    const found = Buffer.allocUnsafe(data.length);
    const length = await readFully(await this.#open(), found, offset);
    if (length === data.length && found.equals(data)) return;
    throw contentDiffers(basename(this.#options.path), offset);
  }
}

const CREATE_ATTEMPTS_MAX = 5;

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

export function pastEnd(offset: number, size: number): OutOfRangeError {
  return new OutOfRangeError(
    "LOG_OFFSET_PAST_END",
    `offset ${offset} is past the end: the log has ${size} bytes, go on from there`,
    { metadata: { size_bytes: String(size) } },
  );
}

export function contentDiffers(name: string, offset: number): StateError {
  return new StateError(
    "LOG_CONTENT_DIFFERS",
    `the log has other bytes at offset ${offset} than were sent now: two writers use one log, ` +
      "or one lost its place; read the log's size and go on from there",
    { metadata: { log: name } },
  );
}

function full(sizeBytesMax: number): StateError {
  return new StateError(
    "LOG_FULL",
    `the log may have at most ${sizeBytesMax} bytes: what comes after them is not kept; ` +
      "seal it, and have the task write large output to an artifact",
    { metadata: { limit: String(sizeBytesMax) } },
  );
}
