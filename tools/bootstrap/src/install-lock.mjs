import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { root } from "./root.mjs";

const path = join(root, ".cache", "install.lock");
const POLL_MS = 250;
/** Whoever holds the lock touches it this often. */
const TOUCH_MS = 1_000;
/** One that nobody was seen to touch for so long is nobody's, whose number it may ever hold. */
const UNTOUCHED_MS_MAX = 5_000;

/**
 * One install of a clone at a time; others wait for it. The lock of a process that is gone is
 * taken over.
 * @param {() => Promise<void>} fn
 */
export async function withInstallLock(fn) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  await takeLock();
  const touching = setInterval(touch, TOUCH_MS);
  try {
    await fn();
  } finally {
    clearInterval(touching);
    rmSync(path, { force: true });
  }
}

async function takeLock() {
  let told = false;
  let touchedMs = 0;
  let seenMs = 0;
  while (!tryLock()) {
    // By our own clock, which neither a correction nor a laptop's sleep moves.
    const nowMs = performance.now();
    const found = lastTouchMs();
    if (found !== touchedMs) [touchedMs, seenMs] = [found, nowMs];
    if (isHolderGone() || nowMs - seenMs > UNTOUCHED_MS_MAX) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) process.stderr.write("waiting for another install of this clone to end\n");
    told = true;
    await delay(POLL_MS);
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

/** 0 when the lock is gone, which the next try to take it finds out. */
function lastTouchMs() {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function touch() {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Somebody took us for gone: there is nothing of ours to touch.
  }
}

/** Whether the lock names a process, and there is none of that number. */
function isHolderGone() {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "ESRCH";
  }
}
