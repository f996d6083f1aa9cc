import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { InvalidError } from "@tidemill/errors";
import { isInside, type LocalDirectories } from "./local-paths.ts";

/** Where one attempt keeps what it needs. */
export interface AttemptDirectories extends LocalDirectories {
  /** Holds `stdout`, `stderr`, `system`, and a file for each output parameter. */
  readonly root: string;
}

const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** A run whose end this worker never heard of. */
const RUN_AGE_MS_MAX = 7 * 24 * 60 * 60 * 1000;

/**
 * `runs/` of the worker's home: one directory a run, gone when the run has ended. Artifacts of a
 * run lie there under their addresses, so that a path stays good for the life of the run.
 */
export class RunDirectories {
  readonly #root: string;
  /** Path to the digest of what lies there. */
  readonly #contents = new Map<string, Map<string, string>>();
  readonly #staging = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /** Makes an attempt's directories, empty. */
  make(runId: string, attemptId: string): AttemptDirectories {
    const run = this.#runDirectory(runId);
    const root = join(run, "attempts", requireId(attemptId));
    const directories = { root, mounts: run, work: join(root, "work") };
    mkdirSync(directories.work, { recursive: true });
    return directories;
  }

  /**
   * Calls `download` unless that content is at `path` already; once for many that ask together. A
   * path outside of the run's directory is one that user code chose: what is there is left alone.
   */
  async stage(
    runId: string,
    path: string,
    digest: string,
    download: () => Promise<void>,
  ): Promise<void> {
    for (;;) {
      if (this.#contents.get(runId)?.get(path) === digest) return;
      const running = this.#staging.get(path);
      if (running === undefined) break;
      await running;
    }
    if (!isInside(path, this.#runDirectory(runId)) && existsSync(path)) return;
    const staging = download().then(() => this.keep(runId, path, digest));
    this.#staging.set(path, staging);
    try {
      await staging;
    } finally {
      this.#staging.delete(path);
    }
  }

  /** Notes what lies at `path` and makes it read-only: later tasks of the run may read it. */
  async keep(runId: string, path: string, digest: string): Promise<void> {
    let contents = this.#contents.get(runId);
    if (contents === undefined) {
      contents = new Map();
      this.#contents.set(runId, contents);
    }
    contents.set(path, digest);
    await withdrawWriting(path);
  }

  /** The run has ended: nobody needs its files any more. */
  async remove(runId: string): Promise<void> {
    this.#contents.delete(runId);
    const directory = this.#runDirectory(runId);
    try {
      await rm(directory, { recursive: true, force: true });
    } catch {
      // Artifacts are read-only, which stops everybody but root.
      await allowWriting(directory);
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Removes runs of which no attempt began for RUN_AGE_MS_MAX. */
  async removeOld(nowMs: number): Promise<void> {
    for (const name of readdirSync(this.#root).filter((found) => SAFE_ID.test(found))) {
      const touchedMs = [join(this.#root, name), join(this.#root, name, "attempts")].map(
        (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
      );
      if (nowMs - Math.max(...touchedMs) > RUN_AGE_MS_MAX) await this.remove(name);
    }
  }

  #runDirectory(runId: string): string {
    return join(this.#root, requireId(runId));
  }
}

function requireId(id: string): string {
  if (SAFE_ID.test(id)) return id;
  throw new InvalidError("BAD_ID", `${JSON.stringify(id)} cannot name a directory`);
}

async function withdrawWriting(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile()) return await chmod(path, 0o444 | (found.mode & 0o111));
  if (!found?.isDirectory()) return;
  for (const name of await readdir(path)) await withdrawWriting(join(path, name));
  await chmod(path, 0o555);
}

/** A directory that cannot be written to cannot be emptied either. */
async function allowWriting(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isDirectory()) return;
  await chmod(path, 0o755);
  for (const name of await readdir(path)) await allowWriting(join(path, name));
}
