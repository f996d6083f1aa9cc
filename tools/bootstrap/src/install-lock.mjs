import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { root } from "./root.mjs";

const path = join(root, ".cache", "install.lock");
const POLL_MS = 250;

/**
 * One install of a clone at a time; others wait for it. The lock of a process that is gone is
 * taken over.
 * @param {() => Promise<void>} fn
 */
export async function withInstallLock(fn) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  let told = false;
  while (!tryLock()) {
    const holder = readHolder();
    if (holder === undefined) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) process.stderr.write(`waiting for process ${holder}, which is installing\n`);
    told = true;
    await delay(POLL_MS);
  }
  try {
    await fn();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryLock() {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  }
}

/** The process that holds the lock, or undefined when it is gone. */
function readHolder() {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM" ? 0 : undefined;
  }
}
