import { setTimeout as setTimer } from "node:timers";
import { CanceledError } from "@tidemill/errors";
import type { Logger } from "@tidemill/telemetry";
import type { TaskEnd } from "../runner.ts";
import { addImports, importsPath, loadImports, refuseImport, saveImports } from "./imports-file.ts";
import { Zygote, type ZygoteRequest } from "./zygote.ts";

export interface ZygoteKeeperOptions {
  readonly python: string;
  /** The environment's folder: working directory, and where imports are remembered. */
  readonly directory: string;
  readonly component: boolean;
  readonly ahead: number;
  readonly env: Readonly<Record<string, string>>;
  readonly log: Logger;
  readonly idleMs?: number;
}

/** A zygote without a task leaves after this long. */
const ZYGOTE_IDLE_MS = 20_000;

/**
 * Keeps a zygote for one environment while it is in use. What tasks import is imported ahead by a
 * second zygote, which takes over once it is warm; no task waits for that.
 */
export class ZygoteKeeper {
  readonly #options: ZygoteKeeperOptions;
  #current: Zygote | undefined;
  #warming: Zygote | undefined;
  /** Modules were learned that neither the current zygote nor the warming one knows. */
  #isStale = false;
  /** Whether the current zygote has imported more than the kfp runtime. */
  #importsAhead = false;
  #users = 0;
  #isStopped = false;
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #retired = new Set<Zygote>();

  constructor(options: ZygoteKeeperOptions) {
    this.#options = options;
  }

  /** Whether modules have been imported before a task could set their environment variables. */
  get importsAhead(): boolean {
    return this.#importsAhead;
  }

  /** Runs a task; throws when no zygote can be started at all. */
  async run(request: ZygoteRequest, onPlaced: (zygote: Zygote) => void): Promise<TaskEnd> {
    this.#users += 1;
    clearTimeout(this.#idleTimer);
    try {
      const zygote = await this.#place();
      onPlaced(zygote);
      return await zygote.run(request);
    } finally {
      this.#users -= 1;
      this.#releaseRetired();
      if (this.#users === 0) this.#leaveLater();
    }
  }

  /** Starts one before it is needed. */
  warm(): void {
    this.#current ?? this.#startCurrent();
    if (this.#users === 0) this.#leaveLater();
  }

  /** Remembers what a task imported. */
  learn(modules: readonly string[]): void {
    const { directory } = this.#options;
    const imports = addImports(loadImports(directory), modules);
    if (imports === undefined) return;
    saveImports(directory, imports);
    this.#isStale = true;
    this.#warmSuccessor();
  }

  /** Ends every zygote; tasks that still run are killed, and none is started any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    clearTimeout(this.#idleTimer);
    this.#isStale = false;
    const all = [this.#current, this.#warming, ...this.#retired].filter((one) => one !== undefined);
    this.#current = undefined;
    this.#warming = undefined;
    for (const zygote of all) zygote.leave();
    await Promise.all(all.map((zygote) => zygote.ended));
  }

  /** A zygote that is ready and stays: one may have been retired while it was waited for. */
  async #place(): Promise<Zygote> {
    for (;;) {
      if (this.#isStopped) throw new CanceledError("WORKER_STOPPED", "the worker was stopped");
      const zygote = this.#current ?? this.#startCurrent();
      try {
        await zygote.ready;
      } catch (error) {
        // Its successor was warm before it was; that one is there for this task, too.
        if (!zygote.isRetired) throw error;
      }
      if (!zygote.isLeaving) return zygote;
    }
  }

  #startCurrent(): Zygote {
    const zygote = this.#start({});
    this.#current = zygote;
    this.#importsAhead = false;
    void zygote.ended.then(() => {
      if (this.#current === zygote) this.#current = undefined;
    });
    if (this.#options.component && loadImports(this.#options.directory).modules.length > 0) {
      this.#isStale = true;
      this.#warmSuccessor();
    }
    return zygote;
  }

  #start(extra: { importsFile?: string }): Zygote {
    const { python, directory, ahead, component, env, log } = this.#options;
    return new Zygote({ python, directory, ahead, component, env, log, ...extra });
  }

  #warmSuccessor(): void {
    if (this.#warming !== undefined || !this.#isStale) return;
    this.#isStale = false;
    const successor = this.#start({ importsFile: importsPath(this.#options.directory) });
    this.#warming = successor;
    successor.ready.then(
      () => this.#takeOver(successor),
      () => this.#giveUp(successor),
    );
  }

  #takeOver(successor: Zygote): void {
    if (this.#warming !== successor) return;
    this.#warming = undefined;
    if (this.#current !== undefined) this.#retired.add(this.#current);
    this.#current = successor;
    this.#importsAhead = true;
    void successor.ended.then(() => {
      if (this.#current === successor) this.#current = undefined;
    });
    this.#releaseRetired();
    if (this.#users === 0) this.#leaveLater();
    this.#warmSuccessor();
  }

  #giveUp(successor: Zygote): void {
    if (this.#warming !== successor) return;
    this.#warming = undefined;
    const { unsafeModule } = successor;
    if (unsafeModule === undefined) return;
    const { directory, log } = this.#options;
    log.info("a module starts threads and is not imported ahead", { module: unsafeModule });
    saveImports(directory, refuseImport(loadImports(directory), unsafeModule));
    this.#isStale = true;
    this.#warmSuccessor();
  }

  #releaseRetired(): void {
    for (const zygote of this.#retired) {
      if (zygote.running > 0) continue;
      this.#retired.delete(zygote);
      zygote.leave();
    }
  }

  #leaveLater(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimer(() => {
      // Nothing runs, so nothing is cut off; whoever comes next starts a new one.
      void this.#letGo();
    }, this.#options.idleMs ?? ZYGOTE_IDLE_MS);
    this.#idleTimer.unref();
  }
}
