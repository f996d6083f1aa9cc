import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const created: string[] = [];
const TRAVERSABLE = 0o711;

/**
 * A new directory that is removed when this process ends. Other users may pass through it, so that
 * a Postgres of a test run by root can live below.
 */
export function tempDir(name = "test"): string {
  const path = mkdtempSync(join(realpathSync(tmpdir()), `tidemill-${name}-`));
  chmodSync(path, TRAVERSABLE);
  if (created.length === 0) process.once("exit", removeAll);
  created.push(path);
  return path;
}

/**
 * Where the home of a mesh may be made, which goes when this process ends. Root's Postgres cannot
 * enter a home and keeps its data beside it: in a directory that goes with the home.
 */
export function tempHome(name = "home"): string {
  return join(tempDir(name), "home");
}

function removeAll(): void {
  for (const path of created) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}
