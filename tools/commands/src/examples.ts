import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileExample, pipelineFolders, prepareCompiler } from "./compile-examples.ts";
import { root } from "./root.ts";

/**
 * `npm run examples`: compiles every pipeline.py of examples/ and e2e/pipelines/ with the KFP
 * compiler. With --check nothing is written, and the exit code is 1 when a committed file is not
 * current.
 */
const check = process.argv.includes("--check");
const compiler = await prepareCompiler((line) => process.stderr.write(`${line}\n`));
const directory = await mkdtemp(join(tmpdir(), "tidemill-examples-"));
try {
  for (const folder of await pipelineFolders()) {
    const path = join(root, folder, "pipeline.yaml");
    const compiled = await compileExample(compiler, folder, join(directory, "pipeline.yaml"));
    const current = (await readFile(path, "utf8").catch(() => "")) === compiled;
    process.stdout.write(`${folder}: ${current ? "current" : check ? "not current" : "written"}\n`);
    if (!current && check) process.exitCode = 1;
    if (!current && !check) await writeFile(path, compiled);
  }
} finally {
  await rm(directory, { recursive: true });
}
