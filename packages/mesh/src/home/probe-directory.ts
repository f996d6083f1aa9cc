import { spawnSync } from "node:child_process";
import { chmod, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StateError } from "@tidemill/errors";
import { writeFileDurably } from "./write-file-durably.ts";

const OTHERS = 0o077;
const EXECUTABLE = 0o700;
const FULL_CODES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Tries what a home needs of its file system: private files, fsync, rename, executables. Throws
 * StateError BAD_HOME naming what it cannot do, DISK_FULL when there is only no room.
 */
export async function probeDirectory(path: string): Promise<void> {
  const probe = join(path, `.probe-${process.pid}`);
  try {
    await attempt(path, "keep directories", () => makeDirectory(probe));
    const script = join(probe, "script");
    await attempt(path, "keep files", () => writeFileDurably(script, "#!/bin/sh\nexit 0\n"));
    await attempt(path, "keep files private", async () => {
      const { mode } = await stat(script);
      if ((mode & OTHERS) !== 0)
        throw new Error(`a file made 0600 is ${(mode & 0o777).toString(8)}`);
    });
    await attempt(path, "execute programs", async () => {
      await chmod(script, EXECUTABLE);
      const result = spawnSync(script, { stdio: "ignore" });
      if (result.status !== 0) throw result.error ?? new Error(`exit code ${result.status}`);
    });
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}

async function attempt(path: string, what: string, fn: () => Promise<void>): Promise<void> {
  try {
    await fn();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && FULL_CODES.has(String(cause.code))) {
      const message = `the disk of ${path} is full (${messageOf(cause)}): make room on it`;
      throw new StateError("DISK_FULL", message, { cause });
    }
    throw new StateError(
      "BAD_HOME",
      `the file system of ${path} cannot ${what} (${messageOf(cause)}): ` +
        "choose a directory on a local disk with --home or TIDEMILL_HOME",
      { cause },
    );
  }
}
