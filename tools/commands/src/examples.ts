import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileExample, exampleNames, prepareCompiler } from "./compile-examples.ts";
import { root } from "./root.ts";

/**
 * `npm run examples`: compiles every examples/<name>/pipeline.py with the KFP compiler. With --check
 * nothing is written, and the exit code is 1 when a committed file is not current.
 */
const check = process.argv.includes("--check");
const compiler = await prepareCompiler((line) => process.stderr.write(`${line}\n`));
const directory = await mkdtemp(join(tmpdir(), "tidemill-examples-"));
try {
  for (const name of await exampleNames()) {
    const path = join(root, "examples", name, "pipeline.yaml");
    const compiled = await compileExample(compiler, name, join(directory, `${name}.yaml`));
    const current = (await readFile(path, "utf8").catch(() => "")) === compiled;
    process.stdout.write(`${name}: ${current ? "current" : check ? "not current" : "written"}\n`);
    if (!current && check) process.exitCode = 1;
    if (!current && !check) await writeFile(path, compiled);
  }
} finally {
  await rm(directory, { recursive: true });
}
