import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Client } from "@connectrpc/connect";
import { isRetriable, OutOfRangeError } from "@tidemill/errors";
import { backoff, wait } from "@tidemill/lifecycle";
import type { LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import type { Logger } from "@tidemill/telemetry";
import { openTaskFile } from "../attempts/task-files.ts";
import { watchDirectory } from "./watch-directory.ts";

export interface LogShipperOptions {
  readonly client: Pick<Client<typeof LogService>, "appendLog" | "sealLog">;
  /** Holds the files `stdout`, `stderr` and `system`. */
  readonly directory: string;
  readonly namespace: string;
  readonly runId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly log: Logger;
  /** Gives up when it aborts. */
  readonly signal: AbortSignal;
  /** Whether tasks run that would have to share this machine with what a log costs. */
  isBusy(): boolean;
}

const STREAMS = ["stdout", "stderr", "system"] as const;
type Stream = (typeof STREAMS)[number];

/** The output of a task that is over before this is sent at its end, and never watched. */
const WATCH_DELAY_MS = 50;
/** What comes within this time goes in one call: a short task's whole output does. */
const COALESCE_MS = 50;
/**
 * Logs of attempts that have ended are shipped and sealed once no task runs, so that a chain of
 * short tasks does not wait for the disk its logs are on; so often is that looked at.
 */
const SEAL_DELAY_MS = 100;
/** A log is sealed so long after its attempt at the latest. Readers wait longer than that. */
const SEAL_DELAY_MS_MAX = 1_000;
const CHUNK_BYTES = 512 * 1024;
/** User code may have put a pipe there, which would hold this process up. */
const APPEND_WITHOUT_WAITING =
  constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
const RETRY = { initialMs: 100, maxMs: 5_000 };

/**
 * Sends the files that an attempt's output lands in to the log store, as they grow. Files are the
 * buffer: however fast a task prints, and however long the store is away, memory stays flat.
 */
export class LogShipper {
  readonly #options: LogShipperOptions;
  readonly #watchTimer: NodeJS.Timeout;
  #watching: { close(): void } | undefined;
  readonly #tails: ReadonlyMap<Stream, Tail>;
  #timer: NodeJS.Timeout | undefined;
  #hasChanged = false;
  #pumping: Promise<void> = Promise.resolve();

  constructor(options: LogShipperOptions) {
    this.#options = options;
    this.#tails = new Map(STREAMS.map((stream) => [stream, new Tail(options, stream)]));
    this.#watchTimer = setTimeout(() => this.#watch(), WATCH_DELAY_MS);
  }

  /** A line of the worker's own for the reader of the log. A full disk costs the line alone. */
  remark(text: string): void {
    const { directory, log, taskId } = this.#options;
    try {
      append(join(directory, "system"), `${text}\n`);
    } catch (error) {
      log.warn("a remark could not be written", { task_id: taskId, text, error });
    }
  }

  /** Sends what is left and seals. The task has ended, so the files have their final size. */
  async finish(): Promise<void> {
    clearTimeout(this.#watchTimer);
    this.#watching?.close();
    this.#hasChanged = false;
    clearTimeout(this.#timer);
    await this.#untilQuiet();
    await this.#pumping;
    await this.#pump();
    await Promise.all([...this.#tails.values()].map((tail) => tail.seal()));
  }

  #watch(): void {
    this.#watching = watchDirectory(this.#options.directory, () => this.#pumpSoon());
    this.#pumpSoon();
  }

  async #untilQuiet(): Promise<void> {
    const { isBusy, signal } = this.#options;
    for (let leftMs = SEAL_DELAY_MS_MAX; leftMs > 0; leftMs -= SEAL_DELAY_MS) {
      if (!(await wait(SEAL_DELAY_MS, signal)) || !isBusy()) return;
    }
  }

  #pumpSoon(): void {
    this.#hasChanged = true;
    this.#timer ??= setTimeout(() => {
      this.#hasChanged = false;
      this.#pumping = this.#pump().finally(() => {
        this.#timer = undefined;
        if (this.#hasChanged) this.#pumpSoon();
      });
    }, COALESCE_MS);
  }

  async #pump(): Promise<void> {
    await Promise.all([...this.#tails.values()].map((tail) => tail.pump()));
  }
}

function append(path: string, text: string): void {
  const file = openSync(path, APPEND_WITHOUT_WAITING, 0o600);
  try {
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** One file and how much of it the store has. */
class Tail {
  readonly #options: LogShipperOptions;
  readonly #stream: Stream;
  #offset = 0;
  #file: number | undefined;
  #hasGivenUp = false;

  constructor(options: LogShipperOptions, stream: Stream) {
    this.#options = options;
    this.#stream = stream;
  }

  async pump(): Promise<void> {
    while (!this.#hasGivenUp) {
      const data = this.#read();
      if (data === undefined) return;
      const offset = BigInt(this.#offset);
      await this.#persist(async () => {
        await this.#options.client.appendLog({ key: this.#key(), offset, data });
        this.#offset += data.length;
      });
    }
  }

  async seal(): Promise<void> {
    if (this.#file !== undefined) closeSync(this.#file);
    // An empty one too: whoever follows it learns that nothing will come.
    const sizeBytes = BigInt(this.#offset);
    await this.#persist(async () => {
      await this.#options.client.sealLog({ key: this.#key(), sizeBytes });
    });
  }

  /** The next bytes; undefined when there are none, or they cannot be read. */
  #read(): Buffer<ArrayBuffer> | undefined {
    try {
      return this.#readFile();
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  /**
   * What was written a moment ago lies in the page
   * cache, so reading it at once is cheaper than asking another thread to.
   */
  #readFile(): Buffer<ArrayBuffer> | undefined {
    const path = join(this.#options.directory, this.#stream);
    if (this.#file === undefined && !existsSync(path)) return undefined;
    this.#file ??= openTaskFile(path);
    if (this.#file === undefined) return undefined;
    const leftBytes = fstatSync(this.#file).size - this.#offset;
    if (leftBytes <= 0) return undefined;
    const chunk = Buffer.allocUnsafe(Math.min(leftBytes, CHUNK_BYTES));
    return chunk.subarray(0, readSync(this.#file, chunk, 0, chunk.length, this.#offset));
  }

  #key() {
    const { namespace, runId, taskId, attempt } = this.#options;
    return { namespace, runId, taskId, attempt, stream: this.#stream };
  }

  /** Repeats while the store is away. What it refuses for good is lost, and said so once. */
  async #persist(work: () => Promise<void>): Promise<void> {
    if (this.#hasGivenUp) return;
    const delays = backoff(RETRY);
    const { signal } = this.#options;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (this.#resume(error)) return;
        const isOver = !isRetriable(error) || !(await wait(delays.nextMs(), signal));
        if (!isOver) continue;
        this.#giveUp(error);
        return;
      }
    }
  }

  #giveUp(error: unknown): void {
    const { log, taskId } = this.#options;
    this.#hasGivenUp = true;
    log.warn("a log is not complete", { task_id: taskId, stream: this.#stream, error });
  }

  /** A store that lost its tail in a crash says where to go on. */
  #resume(error: unknown): boolean {
    if (!(error instanceof OutOfRangeError)) return false;
    const sizeBytes = Number(error.metadata.size_bytes);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes >= this.#offset)
      return false;
    this.#offset = sizeBytes;
    return true;
  }
}
