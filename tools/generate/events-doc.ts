import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { printEvents } from "./print-events.ts";

const root = join(import.meta.dirname, "../..");
const IMAGE_BYTES_MAX = 64 * 1024 * 1024;

const buf = join(root, "node_modules/.bin/buf");
const image = execFileSync(buf, ["build", "--output", "-#format=binpb"], {
  cwd: root,
  maxBuffer: IMAGE_BYTES_MAX,
});
mkdirSync(join(root, "docs"), { recursive: true });
writeFileSync(join(root, "docs/events.md"), printEvents(image));
