import { QuotaError } from "@tidemill/errors";
import type { Service } from "@tidemill/lifecycle";
import { type LogKey, type LogRecord, type LogState, logName } from "../domain/log.ts";
import type { BlobLayout } from "./blob-layout.ts";
import type { DurableDirectories } from "./durable-files.ts";
import { LogFile } from "./log-file.ts";

export interface OpenLogsOptions {
  readonly layout: BlobLayout;
  readonly directories: DurableDirectories;
  readonly sizeBytesMax: number;
  /** What the database knows of a log. */
  readonly find: (key: LogKey) => Promise<LogRecord | undefined>;
}

/** Logs nobody uses stay open up to this many, so that the next append finds its file. */
const IDLE_MAX = 256;
/** The most logs that may be written or followed at one time. */
const IN_USE_MAX = 4096;

/** A log somebody appends to, reads or follows. One object per log, shared by all of them. */
export class OpenLog {
  readonly key: LogKey;
  readonly file: LogFile;
  /** Whether the database has the log's row. */
  isRecorded: boolean;
  #state: LogState;
  #appendedAt: number | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(key: LogKey, file: LogFile, record: LogRecord | undefined) {
    this.key = key;
    this.file = file;
    this.isRecorded = record !== undefined;
    this.#state = record?.state ?? { kind: "open" };
  }

  get state(): LogState {
    return this.#state;
  }

  get sizeBytes(): number {
    return this.#state.kind === "sealed" ? this.#state.sizeBytes : this.file.sizeBytes;
  }

  /** When the last bytes came, if that was in this process. */
  get appendedAt(): number | undefined {
    return this.#appendedAt;
  }

  /** Resolves at the next `grown` or `sealed`. Take it before looking at the size. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  grown(at: number): void {
    this.#appendedAt = at;
    this.#wake();
  }

  sealed(state: Extract<LogState, { kind: "sealed" }>): void {
    this.#state = state;
    this.isRecorded = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

interface Entry {
  users: number;
  readonly log: Promise<OpenLog>;
}

/** The logs in use, and some of those that were: bounded, whatever runs at the same time. */
export class OpenLogs implements Service {
  readonly #options: OpenLogsOptions;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #inUse = 0;

  constructor(options: OpenLogsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    // Logs are opened as they are asked for.
  }

  async stop(): Promise<void> {
    for (const entry of this.#entries.values()) await closeEntry(entry);
    this.#entries.clear();
  }

  /** Lends the log for as long as `dispose` is not called. Throws QuotaError TOO_MANY_LOGS. */
  async lend(key: LogKey): Promise<{ readonly log: OpenLog; dispose(): void }> {
    const name = logName(key);
    const known = this.#entries.get(name);
    if (known === undefined || known.users === 0) this.#startUse();
    const entry = known ?? { users: 0, log: this.#load(key) };
    entry.users += 1;
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    let lent = true;
    const dispose = () => {
      if (!lent) return;
      lent = false;
      entry.users -= 1;
      if (entry.users > 0) return;
      this.#inUse -= 1;
      this.#closeIdle();
    };
    try {
      return { log: await entry.log, dispose };
    } catch (error) {
      // Not remembered: the next caller tries again.
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
      dispose();
      throw error;
    }
  }

  async use<Value>(key: LogKey, work: (log: OpenLog) => Promise<Value>): Promise<Value> {
    const { log, dispose } = await this.lend(key);
    try {
      return await work(log);
    } finally {
      dispose();
    }
  }

  /** How many bytes a log has that is not sealed, without opening it. */
  async sizeOf(key: LogKey): Promise<number> {
    const entry = this.#entries.get(logName(key));
    if (entry !== undefined) return (await entry.log).sizeBytes;
    return await LogFile.sizeOf(this.#options.layout.logOf(key));
  }

  async #load(key: LogKey): Promise<OpenLog> {
    const { layout, directories, sizeBytesMax, find } = this.#options;
    const options = { directories, sizeBytesMax, temporary: layout.temporary };
    const record = await find(key);
    const file = await LogFile.load({ ...options, path: layout.logOf(key) });
    // The process ended between recording the seal and removing the file.
    if (record?.state.kind === "sealed") await file.remove();
    return new OpenLog(key, file, record);
  }

  #startUse(): void {
    if (this.#inUse >= IN_USE_MAX) {
      throw new QuotaError(
        "TOO_MANY_LOGS",
        `${IN_USE_MAX} logs are being written or followed: try again later`,
        { metadata: { limit: String(IN_USE_MAX) } },
      );
    }
    this.#inUse += 1;
  }

  #closeIdle(): void {
    if (this.#entries.size - this.#inUse <= IDLE_MAX) return;
    for (const [name, entry] of this.#entries) {
      if (entry.users > 0) continue;
      this.#entries.delete(name);
      void closeEntry(entry);
      return;
    }
  }
}

async function closeEntry(entry: Entry): Promise<void> {
  try {
    const log = await entry.log;
    await log.file.close();
  } catch {
    // It could not be opened, so there is nothing to close; its caller was told.
  }
}
