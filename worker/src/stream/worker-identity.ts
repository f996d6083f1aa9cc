import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = "identity.json";

/** The worker's id, made once for its home and the same after every restart. */
export function loadWorkerId(home: string, newId: () => string): string {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, FILE);
  try {
    const { worker_id: known }: { worker_id?: unknown } = JSON.parse(readFileSync(path, "utf8"));
    if (typeof known === "string" && known !== "") return known;
  } catch {
    // The first start, or one that was cut off: there is no id to keep.
  }
  const id = newId();
  writeFileSync(`${path}.tmp`, JSON.stringify({ worker_id: id }));
  renameSync(`${path}.tmp`, path);
  return id;
}
