import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withInstallLock } from "./install-lock.mjs";
import { npmCi } from "./npm-ci.mjs";
import { root } from "./root.mjs";
import { SetupFailure } from "./setup-failure.mjs";

const modules = join(root, "node_modules");
/** Written last: without it, or with another digest in it, an install is taken as unfinished. */
const stampPath = join(modules, ".tidemill-installed.json");

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, os?: string[],
 *   cpu?: string[], libc?: string[] }} LockedPackage
 */

/** Whether node_modules is complete and is what package-lock.json says. A few milliseconds. */
export function isInstalled() {
  const stamp = readJson(stampPath);
  if (stamp?.digest !== lockDigest()) return adoptInstall();
  return stamp.packages.every(isThere);
}

/** Installs what package-lock.json names. Throws SetupFailure with npm's reason. */
export async function ensureInstalled() {
  await withInstallLock(async () => {
    // Whoever held the lock before may have done it.
    if (isInstalled()) return;
    await npmCi();
    requireComplete();
    writeStamp();
  });
}

/**
 * A developer's own `npm install` leaves no stamp of ours, but npm's record of what it finished
 * installing; when that agrees with the lock file there is nothing to do.
 */
function adoptInstall() {
  const record = readJson(join(modules, ".package-lock.json"));
  if (record === undefined) return false;
  for (const [path, wanted] of wantedPackages()) {
    const present = record.packages[path];
    if (present === undefined) {
      if (!wanted.optional) return false;
      continue;
    }
    if (present.version !== wanted.version || !isThere(path)) return false;
  }
  writeStamp();
  return true;
}

/** npm 10 was seen to end with success after every download had failed, folders made and empty. */
function requireComplete() {
  const missing = wantedPackages()
    .filter(([path, { optional }]) => !optional && !isThere(path))
    .map(([path]) => path.slice("node_modules/".length));
  if (missing.length === 0) return;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more packages` : "";
  throw new SetupFailure(
    `npm ended as if all were well, but ${missing[0]}${more} did not come`,
    "run `npm ci` by hand to see what it says (certificate, proxy, registry), then start again",
  );
}

/**
 * Whether a package, or the link to a workspace, is more than an empty folder.
 * @param {string} path
 */
function isThere(path) {
  return existsSync(join(root, path, "package.json"));
}

function writeStamp() {
  const packages = wantedPackages()
    .map(([path]) => path)
    .filter(isThere);
  mkdirSync(modules, { recursive: true });
  writeFileSync(stampPath, JSON.stringify({ digest: lockDigest(), packages }));
}

/**
 * What belongs on this platform.
 * @returns {[string, LockedPackage][]}
 */
function wantedPackages() {
  const lock = readJson(join(root, "package-lock.json"));
  /** @type {[string, LockedPackage][]} */
  const entries = Object.entries(lock?.packages ?? {});
  return entries.filter(([path, entry]) => path.startsWith("node_modules/") && fits(entry));
}

/** @param {LockedPackage} entry */
function fits(entry) {
  if (entry.os !== undefined && !entry.os.includes(process.platform)) return false;
  return entry.cpu === undefined || entry.cpu.includes(process.arch);
}

function lockDigest() {
  const lock = readFileSync(join(root, "package-lock.json"));
  return createHash("sha256")
    .update(lock)
    .update(process.platform + process.arch)
    .digest("hex");
}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // Missing or cut short: either way there is nothing to rely on.
    return undefined;
  }
}
