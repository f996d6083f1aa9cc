import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { InstallerResult } from "../../environments/uv.ts";
import type { RunRequest, TaskEnd } from "../runner.ts";
import type { Zygote } from "./zygote.ts";
import { ZygoteKeeper, type ZygoteKeeperOptions } from "./zygote-keeper.ts";

export interface LaunchRequest extends Omit<RunRequest, "mounts"> {
  readonly argv: readonly string[];
}

export type LauncherOptions = Omit<ZygoteKeeperOptions, "component">;

/** Starts plain commands below a monitor, so that nothing they start outlives them. */
export class Launcher {
  readonly #keeper: ZygoteKeeper;
  readonly #directory: string;
  readonly #places = new Map<string, Zygote>();

  constructor(options: LauncherOptions) {
    this.#directory = options.directory;
    this.#keeper = new ZygoteKeeper({ ...options, component: false });
  }

  warm(): void {
    this.#keeper.warm();
  }

  async run(id: string, request: LaunchRequest): Promise<TaskEnd> {
    const { argv, env, directory, stdoutPath, stderrPath, memoryBytesMax, onStarted } = request;
    const payload = { mode: "exec", argv, env, cwd: directory };
    try {
      return await this.#keeper.run(
        { id, stdoutPath, stderrPath, payload, memoryBytesMax, onStarted },
        (zygote) => {
          this.#places.set(id, zygote);
        },
      );
    } finally {
      this.#places.delete(id);
    }
  }

  stopTask(id: string, graceMs: number): void {
    this.#places.get(id)?.stop(id, graceMs);
  }

  /** Runs a helper of our own to its end. Both streams come back as one text. */
  async runHelper(
    argv: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<InstallerResult> {
    const scratch = await mkdtemp(join(this.#directory, "helper-"));
    const output = join(scratch, "output");
    try {
      const end = await this.run(`helper-${randomUUID()}`, {
        argv,
        env,
        directory: this.#directory,
        stdoutPath: output,
        stderrPath: output,
        onStarted: () => undefined,
      });
      const text = await readFile(output, "utf8");
      return { code: end.kind === "exited" ? end.code : 1, output: text };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  stop(): Promise<void> {
    return this.#keeper.stop();
  }
}
