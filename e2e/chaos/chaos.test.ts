import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runChaos } from "./chaos.ts";

const DURATION_MS = 90_000;
const SEED = 20_261_125;

describe("ninety seconds of faults", () => {
  it("every run ends with its right answer, and every event arrives", async (test) => {
    const report = await runChaos({
      seed: SEED,
      durationMs: DURATION_MS,
      print: (line) => test.diagnostic(line),
    });
    assert.deepEqual(report.violations, [], JSON.stringify(report));
    assert.ok(report.runs > 5, `only ${report.runs} runs`);
    assert.ok(Object.keys(report.faults).length >= 4, JSON.stringify(report.faults));
  });
});
