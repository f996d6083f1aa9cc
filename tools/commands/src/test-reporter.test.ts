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

async function reportOf(name: string, text: string) {
  const path = join(tempDir("reporter"), name);
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

  it("counts a file that cannot even be loaded as a failure", async () => {
    const { output } = await reportOf("broken.test.mjs", "throw new Error('not loaded');");
    assert.ok(output.includes(`${COUNTS_MARK}{"passed":0,"failed":1,"skipped":0}`), output);
  });
});
