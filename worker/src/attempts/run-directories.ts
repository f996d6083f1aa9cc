import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { InvalidError } from "@tidemill/errors";
import { type ContentMark, markContent, sealContent } from "./content-mark.ts";
import { isInside, type LocalDirectories } from "./local-paths.ts";

/** Where one attempt keeps what it needs. */
export interface AttemptDirectories extends LocalDirectories {
  /** Holds `stdout`, `stderr`, `system`, and a file for each output parameter. */
  readonly root: string;
}

interface Content {
  readonly digest: string;
  /** Of when it was known to be that content. */
  readonly mark: ContentMark | undefined;
}

/** Why an input has to be fetched: it is not here, or no longer what it was. */
export type DownloadCause = "missing" | "changed";

const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** A run whose end this worker never heard of. */
const RUN_AGE_MS_MAX = 7 * 24 * 60 * 60 * 1000;

/**
 * `runs/` of the worker's home: one directory a run, gone when the run has ended. Artifacts of a
 * run lie there under their addresses, so that a path stays good for the life of the run.
 */
export class RunDirectories {
  readonly #root: string;
  /** Path to what was put there. */
  readonly #contents = new Map<string, Map<string, Content>>();
  /** Path to the digest of what will be there. */
  readonly #staging = new Map<string, Promise<string>>();

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
   * Calls `download` unless that content is at `path` and nobody has touched it since; once for
   * many that ask together. A path outside of the run's directory is one that user code chose: what
   * is there is left alone.
   */
  async stage(
    runId: string,
    path: string,
    digest: string,
    download: (cause: DownloadCause) => Promise<void>,
  ): Promise<void> {
    for (;;) {
      const running = this.#staging.get(path);
      if (running === undefined) break;
      // One that fails, for its attempt was stopped perhaps, says nothing about this one.
      if ((await running.catch(() => undefined)) === digest) return;
    }
    const staging = this.#stageAlone(runId, path, digest, download);
    this.#staging.set(path, staging);
    try {
      await staging;
    } finally {
      this.#staging.delete(path);
    }
  }

  async #stageAlone(
    runId: string,
    path: string,
    digest: string,
    download: (cause: DownloadCause) => Promise<void>,
  ): Promise<string> {
    if (!isInside(path, this.#runDirectory(runId)) && existsSync(path)) return digest;
    const known = this.#contents.get(runId)?.get(path);
    const isKnown = known?.digest === digest;
    if (isKnown && known.mark !== undefined && known.mark === (await markContent(path))) {
      return digest;
    }
    await download(isKnown ? "changed" : "missing");
    this.keep(runId, path, { digest, mark: await sealContent(path) });
    return digest;
  }

  /** Notes what lies at `path`, under the mark that it had before it was read. */
  keep(runId: string, path: string, content: Content): void {
    const contents = this.#contents.get(runId) ?? new Map<string, Content>();
    this.#contents.set(runId, contents);
    contents.set(path, content);
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

/** A directory that cannot be written to cannot be emptied either. */
async function allowWriting(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isDirectory()) return;
  await chmod(path, 0o755);
  for (const name of await readdir(path)) await allowWriting(join(path, name));
}
