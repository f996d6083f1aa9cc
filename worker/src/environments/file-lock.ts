import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { UnavailableError } from "@tidemill/errors";

const holder = fileURLToPath(new URL("../../../python/tidemill_worker/lock.py", import.meta.url));

/**
 * Runs `action` while a lock on `path` is held, across processes. A small Python process holds it:
 * the kernel lets go of the lock when that process, or this one, is killed.
 */
export async function withFileLock<T>(
  python: string,
  path: string,
  action: () => Promise<T>,
): Promise<T> {
  const child = spawn(python, ["-S", "-E", holder, path], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {},
  });
  child.stdin.on("error", () => undefined);
  try {
    const failed = once(child, "close").then(() => {
      throw new UnavailableError("file-lock", `the lock ${path} could not be taken`);
    });
    await Promise.race([once(child.stdout, "data"), failed]);
    failed.catch(() => undefined);
    return await action();
  } finally {
    child.stdin.end();
  }
}
