import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { phases, testFiles } from "./test-phases.ts";

const cases: readonly (readonly [path: string, phase: string])[] = [
  ["packages/errors/src/errors.test.ts", "unit"],
  ["services/artifacts/test/blobs.int.test.ts", "integration"],
  ["packages/rpc/test/rpc.contract.test.ts", "contract"],
  ["e2e/test/demo.test.ts", "e2e"],
  ["e2e/chaos/short.test.ts", "faults"],
  ["e2e/chaos/all-faults.long.test.ts", "long"],
  ["services/orchestrator/test/scale.long.test.ts", "long"],
];

describe("phases of tests", () => {
  for (const [path, name] of cases) {
    it(`${path} belongs to ${name}`, () => {
      assert.equal(phases.find((phase) => phase.pattern.test(path))?.name, name);
    });
  }

  it("every test file of the repository has a phase, and no file has two", () => {
    const listed = [...testFiles().values()].flat();
    assert.equal(new Set(listed).size, listed.length);
    assert.ok(listed.includes("tools/commands/src/test-phases.test.ts"));
  });
});
