import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { documentOf, randomDag, randomFaults, runWithFaults } from "../../test/random-runs.ts";

const RUNS = 300;
const TASKS_PER_LEVEL_MAX = 40;

describe("step, with random DAGs and faults", () => {
  it("keeps every invariant whatever fails, repeats, is lost, stale or terminated", () => {
    fc.assert(
      fc.property(randomDag(TASKS_PER_LEVEL_MAX), randomFaults, (dag, faults) => {
        assert.deepEqual(runWithFaults(documentOf(dag), faults), []);
      }),
      { numRuns: RUNS },
    );
  });
});
