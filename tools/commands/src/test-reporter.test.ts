import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { runProcess } from "./run-process.ts";
import { COUNTS_MARK } from "./test-reporter.ts";

const suite = `
import assert from "node:assert/strict";
import { describe, it } from "node:test";
describe("a suite", () => {
  it("passes", () => {});
  it("fails", () => assert.equal(1, 2));
  it("is skipped", { skip: "no such machine here" }, () => {});
});
`;

async function reportOf(name: string, text: string, directory = tempDir("reporter")) {
  const path = join(directory, name);
  writeFileSync(path, text);
  const reporter = new URL("test-reporter.ts", import.meta.url);
  return runProcess([process.execPath, "--test", `--test-reporter=${reporter}`, path]);
}

describe("the reporter of npm test", () => {
  it("counts tests and not suites, and tells why one failed and one was skipped", async () => {
    const { output } = await reportOf("three.test.mjs", suite);
    assert.match(output, /✗ .*: fails\n\s+AssertionError.*1 !== 2/s);
    assert.match(output, /- skipped: is skipped: no such machine here/);
    assert.ok(output.includes(`${COUNTS_MARK}{"passed":1,"failed":1,"skipped":1}`), output);
  });

  it("counts a hook that fails", async () => {
    const hooked = `
      import { after, describe, it } from "node:test";
      describe("a suite", () => {
        after(() => { throw new Error("left something behind"); });
        it("passes", () => {});
      });
    `;
    const { output } = await reportOf("hooked.test.mjs", hooked);
    assert.match(output, /✗ .*: a suite\n\s+Error: left something behind/);
    assert.ok(output.includes(`${COUNTS_MARK}{"passed":1,"failed":1,"skipped":0}`), output);
  });

  it("counts the tests of a shared suite with the file that was run", async () => {
    const directory = tempDir("reporter");
    const shared = `
      import { it } from "node:test";
      export const suite = () => it("is shared", () => {});
    `;
    writeFileSync(join(directory, "shared.mjs"), shared);
    const { output } = await reportOf(
      "user.test.mjs",
      'import { suite } from "./shared.mjs"; suite();',
      directory,
    );
    assert.match(output, /✓ .*user\.test\.mjs \(1 passed/);
    assert.ok(output.includes(`${COUNTS_MARK}{"passed":1,"failed":0,"skipped":0}`), output);
  });

  it("counts a suite that is skipped as a whole, with its reason", async () => {
    const skipped = `
      import { describe, it } from "node:test";
      describe("a suite", { skip: "no such machine here" }, () => it("passes", () => {}));
    `;
    const { output } = await reportOf("skipped.test.mjs", skipped);
    assert.match(output, /- skipped: a suite: no such machine here/);
    assert.ok(output.includes(`${COUNTS_MARK}{"passed":0,"failed":0,"skipped":1}`), output);
  });

  it("counts a file that holds no test as a failure", async () => {
    const { output } = await reportOf("empty.test.mjs", "");
    assert.match(output, /✗ .*empty\.test\.mjs: holds no test/);
    assert.ok(output.includes(`${COUNTS_MARK}{"passed":0,"failed":1,"skipped":0}`), output);
  });

  it("counts a file that cannot even be loaded as a failure", async () => {
    const { output } = await reportOf("broken.test.mjs", "throw new Error('not loaded');");
    assert.ok(output.includes(`${COUNTS_MARK}{"passed":0,"failed":1,"skipped":0}`), output);
  });
});
