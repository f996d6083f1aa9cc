import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { compileExample, pipelineFolders, prepareCompiler } from "../src/compile-examples.ts";
import { root } from "../src/root.ts";

describe("committed pipelines", async () => {
  const directory = tempDir("examples");
  for (const folder of await pipelineFolders()) {
    it(`${folder}/pipeline.yaml is what the compiler makes of pipeline.py`, async () => {
      const compiler = await prepareCompiler((line) => process.stderr.write(`${line}\n`));
      const compiled = await compileExample(compiler, folder, join(directory, "pipeline.yaml"));
      const committed = readFileSync(join(root, folder, "pipeline.yaml"), "utf8");
      assert.equal(compiled, committed, "run `npm run examples`");
    });
  }
});
