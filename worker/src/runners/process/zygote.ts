import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Logger } from "@tidemill/telemetry";
import type { TaskEnd } from "../runner.ts";
import { parseZygoteEvent, type ZygoteEvent } from "./zygote-event.ts";

export interface ZygoteOptions {
  readonly python: string;
  readonly directory: string;
  /** Task processes that wait, forked and warm. */
  readonly ahead: number;
  /** Whether the KFP runtime is imported; otherwise it only starts commands. */
  readonly component: boolean;
  /** File with modules to import as well. */
  readonly importsFile?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: Logger;
}

export interface ZygoteRequest {
  readonly id: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  readonly payload: object;
  readonly memoryBytesMax?: number | undefined;
  onStarted(limits: readonly string[], atMs: number): void;
}

interface Running {
  readonly request: ZygoteRequest;
  resolve(end: TaskEnd): void;
}

const pythonDirectory = fileURLToPath(new URL("../../../../python", import.meta.url));
/** Runs a module of the Python half in any interpreter, with nothing installed. */
export function bootstrapCode(statement: string): string {
  return `import sys; sys.path.insert(0, ${JSON.stringify(pythonDirectory)})\n${statement}`;
}

const STDERR_TAIL_CHARS = 4_000;
const BOOT = bootstrapCode("from tidemill_worker import zygote; zygote.main()");

/**
 * The worker's side of one zygote. When it dies, or its standard input closes, its tasks are killed
 * and count as lost.
 */
export class Zygote {
  /** Resolves once children wait; rejects when it ends, or is told to leave, before that. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  /** A module that must not be imported ahead, when that is why it ended. */
  unsafeModule: string | undefined;
  readonly #options: ZygoteOptions;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #running = new Map<string, Running>();
  #stderr = "";
  #isRetired = false;
  #hasEnded = false;
  #settleReady: { resolve(): void; reject(error: Error): void };

  constructor(options: ZygoteOptions) {
    this.#options = options;
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.#settleReady = ready;
    // Whoever waits for it sees the failure; nobody has to.
    ready.promise.catch(() => undefined);
    this.#process = spawn(options.python, ["-s", "-c", BOOT, ...flagsOf(options)], {
      cwd: options.directory,
      env: options.env,
      // Out of reach of a Ctrl-C at the terminal.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const ended = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.#process.once("error", (error) => this.#onEnd(error.message, ended.resolve));
    this.#process.once("close", (code, signal) => {
      this.#onEnd(signal ?? `exit code ${code}`, ended.resolve);
    });
    // A write after its death fails; the death itself is what counts.
    this.#process.stdin.on("error", () => undefined);
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL_CHARS);
    });
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      this.#onEvent(parseZygoteEvent(line));
    });
  }

  get running(): number {
    return this.#running.size;
  }

  /** Whether it takes no more tasks. */
  get isLeaving(): boolean {
    return this.#isRetired || this.#hasEnded;
  }

  /** Whether it was told to leave: that it is never ready then is no failure. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Starts a task in a child that waits for one. Never rejects. */
  run(request: ZygoteRequest): Promise<TaskEnd> {
    if (this.isLeaving) return Promise.resolve({ kind: "lost" });
    const { promise, resolve } = Promise.withResolvers<TaskEnd>();
    this.#running.set(request.id, { request, resolve });
    const payload = Buffer.from(JSON.stringify(request.payload));
    const header = {
      op: "run",
      id: request.id,
      stdout: request.stdoutPath,
      stderr: request.stderrPath,
      memory: request.memoryBytesMax,
      bytes: payload.length,
    };
    this.#process.stdin.write(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), payload]));
    return promise;
  }

  stop(id: string, graceMs: number): void {
    if (!this.#running.has(id)) return;
    this.#process.stdin.write(`${JSON.stringify({ op: "stop", id, graceMs })}\n`);
  }

  /** Ends it. Tasks that still run are killed at once. */
  leave(): void {
    this.#isRetired = true;
    this.#settleReady.reject(new Error("it was told to leave"));
    this.#process.stdin.end();
  }

  #onEvent(event: ZygoteEvent): void {
    switch (event.event) {
      case "ready":
        this.#settleReady.resolve();
        break;
      case "started":
        this.#running.get(event.id)?.request.onStarted(event.limits, event.at);
        break;
      case "exited": {
        const { code, signal, stdout, stderr, memory, dropped } = event;
        this.#finish(event.id, {
          kind: "exited",
          code,
          signal,
          stdoutBytes: stdout,
          stderrBytes: stderr,
          memoryBytes: memory,
          droppedBytes: dropped,
        });
        break;
      }
      case "lost":
        this.#finish(event.id, { kind: "lost" });
        break;
      case "unsafe":
        this.unsafeModule = event.module;
        break;
      case "cold":
        this.#options.log.debug("the kfp runtime cannot be imported", { problem: event.message });
        break;
    }
  }

  #finish(id: string, end: TaskEnd): void {
    this.#running.get(id)?.resolve(end);
    this.#running.delete(id);
  }

  #onEnd(how: string, done: () => void): void {
    this.#hasEnded = true;
    const stderr = this.#stderr.trim();
    if (stderr !== "") this.#options.log.warn("zygote said", { stderr });
    const { python } = this.#options;
    const problem = `${python} could not be used to start tasks (${how}): ${stderr || "no output"}`;
    this.#settleReady.reject(new Error(problem));
    for (const id of [...this.#running.keys()]) this.#finish(id, { kind: "lost" });
    done();
  }
}

function flagsOf(options: ZygoteOptions): string[] {
  const flags = ["--ahead", String(options.ahead)];
  if (options.component) flags.push("--component");
  if (options.importsFile !== undefined) flags.push("--imports", options.importsFile);
  return flags;
}
