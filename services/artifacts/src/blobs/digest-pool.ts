import { Worker } from "node:worker_threads";
import type { Service } from "@tidemill/lifecycle";
import type { ContentDigests } from "./content-digester.ts";

/** What a worker is asked. `bytes` is shared memory: nothing is copied. */
export type DigestJob = { readonly id: number } & (
  | {
      readonly kind: "update";
      readonly session: number;
      readonly bytes: SharedArrayBuffer;
      readonly length: number;
    }
  | { readonly kind: "finish"; readonly session: number }
  | { readonly kind: "drop"; readonly session: number }
  | { readonly kind: "digest"; readonly bytes: SharedArrayBuffer; readonly length: number }
);

export type DigestAnswer = { readonly id: number } & (
  | { readonly kind: "done" }
  | { readonly kind: "finished"; readonly digests: ContentDigests }
  | { readonly kind: "digested"; readonly digest: string }
  | { readonly kind: "failed"; readonly message: string }
);

/** One stream of bytes being hashed; its updates are hashed in the order of the calls. */
export interface DigestSession {
  /** Resolves when the bytes may be overwritten. */
  update(bytes: SharedArrayBuffer, length: number): Promise<void>;
  finish(): Promise<ContentDigests>;
  /** Forgets what was hashed so far. */
  drop(): void;
}

/** A worker that has had nothing to do for this long ends; the next job starts one again. */
const WORKER_IDLE_MS = 20_000;

/** SHA-256 on worker threads, so that the event loop goes on serving while bytes are hashed. */
export class DigestPool implements Service {
  readonly #slots: DigestThread[];
  #nextSession = 0;

  constructor(threads: number) {
    this.#slots = Array.from({ length: threads }, () => new DigestThread());
  }

  async start(): Promise<void> {
    // Threads start with the first job they get: an idle service has none.
  }

  async stop(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.stop()));
  }

  /** The digest of the first `length` bytes, lower-case hex. */
  async digest(bytes: SharedArrayBuffer, length: number): Promise<string> {
    const answer = await this.#leastBusy().ask((id) => ({ kind: "digest", id, bytes, length }));
    if (answer.kind !== "digested") throw new Error(`bug: digest answered ${answer.kind}`);
    return answer.digest;
  }

  session(): DigestSession {
    const slot = this.#leastBusy();
    const session = ++this.#nextSession;
    const close = slot.openSession();
    return {
      async update(bytes, length) {
        await slot.ask((id) => ({ kind: "update", id, session, bytes, length }));
      },
      async finish() {
        const answer = await slot.ask((id) => ({ kind: "finish", id, session }));
        close();
        if (answer.kind !== "finished") throw new Error(`bug: finish answered ${answer.kind}`);
        return answer.digests;
      },
      drop() {
        // A thread that has died has forgotten the session already.
        slot.ask((id) => ({ kind: "drop", id, session })).catch(() => undefined);
        close();
      },
    };
  }

  #leastBusy(): DigestThread {
    return this.#slots.reduce((best, slot) => (slot.load < best.load ? slot : best));
  }
}

interface Waiting {
  resolve(answer: DigestAnswer): void;
  reject(error: Error): void;
}

class DigestThread {
  #worker: Worker | undefined;
  #stopped = false;
  #sessions = 0;
  #nextId = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #waiting = new Map<number, Waiting>();

  get load(): number {
    return this.#sessions + this.#waiting.size;
  }

  /** Counts a session until the function it returns is called. */
  openSession(): () => void {
    this.#sessions += 1;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#sessions -= 1;
      this.#rest();
    };
  }

  async ask(job: (id: number) => DigestJob): Promise<DigestAnswer> {
    if (this.#stopped) throw new Error("the artifacts service is stopping");
    clearTimeout(this.#idleTimer);
    this.#worker ??= this.#startWorker();
    const worker = this.#worker;
    const id = ++this.#nextId;
    const answer = await new Promise<DigestAnswer>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage(job(id));
    });
    if (answer.kind === "failed") throw new Error(`digest worker: ${answer.message}`);
    return answer;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#end("the artifacts service is stopping");
  }

  async #end(why: string): Promise<void> {
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll(new Error(why));
    await worker?.terminate();
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL("./digest-worker.ts", import.meta.url), {
      name: "digest",
      stdout: false,
    });
    worker.unref();
    worker.on("message", (answer: DigestAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      waiting?.resolve(answer);
      this.#rest();
    });
    worker.on("error", (cause) => this.#lose(worker, cause));
    worker.on("exit", () => this.#lose(worker, undefined));
    return worker;
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#failAll(new Error("a digest worker ended with work in hand", { cause }));
  }

  #failAll(error: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const entry of waiting) entry.reject(error);
  }

  #rest(): void {
    if (this.load > 0 || this.#worker === undefined) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.#end("idle"), WORKER_IDLE_MS);
    this.#idleTimer.unref();
  }
}
