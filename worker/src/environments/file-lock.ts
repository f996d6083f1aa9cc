import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { UnavailableError } from "@tidemill/errors";

const holder = fileURLToPath(new URL("../../../python/tidemill_worker/lock.py", import.meta.url));

export interface FileLockOptions {
  /** Rather than wait for whoever holds it, throw UnavailableError. */
  readonly now?: boolean;
}

/**
 * Runs `action` while a lock on `path` is held, across processes. A small Python process holds it:
 * the kernel lets go of the lock when that process, or this one, is killed. The file goes with the
 * lock.
 */
export async function withFileLock<T>(
  python: string,
  path: string,
  action: () => Promise<T>,
  { now = false }: FileLockOptions = {},
): Promise<T> {
  const child = spawn(python, ["-S", "-E", holder, path, ...(now ? ["--now"] : [])], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {},
  });
  child.stdin.on("error", () => undefined);
  const closed = once(child, "close");
  const failed = closed.then(() => {
    throw new UnavailableError("file-lock", `the lock ${path} could not be taken`);
  });
  failed.catch(() => undefined);
  try {
    await Promise.race([once(child.stdout, "data"), failed]);
    return await action();
  } finally {
    child.stdin.end();
    await closed.catch(() => undefined);
  }
}
