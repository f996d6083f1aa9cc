import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { installed, root } from "./root.ts";
import { runProcess } from "./run-process.ts";

/**
 * `npm run generate`: third-party protos, TypeScript of the contract, docs/events.md. With --check
 * a second run must change nothing, or else the exit code is 1 and the files are named.
 */
const outputs = ["third_party/**/*", "packages/proto/src/gen/**/*", "docs/events.md"];
const steps: readonly (readonly string[])[] = [
  [process.execPath, "tools/generate/third-party.ts"],
  [installed("buf"), "generate"],
  [installed("buf"), "format", "proto", "-w"],
  [process.execPath, "tools/generate/events-doc.ts"],
];

async function digests(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const entry of glob([...outputs], { cwd: root, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(
      path,
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    );
  }
  return found;
}

const check = process.argv.includes("--check");
const before = await digests();
for (const argv of steps) {
  const script = argv[1] ?? "";
  if (script.endsWith(".ts") && !existsSync(join(root, script))) continue;
  const { exitCode, output } = await runProcess(argv);
  if (exitCode !== 0) {
    process.stderr.write(output);
    process.exit(exitCode);
  }
}
if (check) {
  const after = await digests();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  for (const path of changed) process.stderr.write(`${path} was not current\n`);
  process.exitCode = changed.length === 0 ? 0 : 1;
}
