import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { RELEASED_CONTRACT } from "./checks.ts";
import { installed, root } from "./root.ts";
import { runProcess } from "./run-process.ts";

/**
 * `npm run release`: the version stands in every package and in the changelog, a home of it is kept
 * for later versions to open, and its contract becomes the one that they may not break.
 */
async function problems(): Promise<string[]> {
  const found: string[] = [];
  const version = await versionOf("package.json");
  const changelog = await readFile(join(root, "CHANGELOG.md"), "utf8");
  if (!new RegExp(`^## \\[?${version.replaceAll(".", "\\.")}\\]?`, "m").test(changelog)) {
    found.push(`CHANGELOG.md has no heading for ${version}`);
  }
  if (!existsSync(join(root, "e2e/homes", version))) {
    found.push(`e2e/homes has no home of ${version}: make it with node e2e/homes/make-home.ts`);
  }
  const { output } = await runProcess(["git", "ls-files", "*/package.json"]);
  for (const path of output.trim().split("\n")) {
    const own = await versionOf(path);
    if (own !== version) found.push(`${path} has version ${own}, the repository ${version}`);
  }
  return found;
}

async function versionOf(path: string): Promise<string> {
  const manifest: { version: string } = JSON.parse(await readFile(join(root, path), "utf8"));
  return manifest.version;
}

const found = await problems();
for (const problem of found) process.stderr.write(`${problem}\n`);
if (found.length > 0) process.exit(1);
const { exitCode, output } = await runProcess([
  installed("buf"),
  "build",
  "proto",
  "--as-file-descriptor-set",
  "-o",
  RELEASED_CONTRACT,
]);
process.stderr.write(output);
if (exitCode === 0) process.stdout.write(`wrote ${RELEASED_CONTRACT}\n`);
process.exitCode = exitCode;
