import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { eventually, fakeClock, tempDir } from "./index.ts";

describe("eventually", () => {
  it("returns the first answer that is neither false nor undefined", async () => {
    const answers = [undefined, false, 0];
    assert.equal(await eventually(() => answers.shift(), { pollMs: 1 }), 0);
  });

  it("fails with what the last call threw", async () => {
    let calls = 0;
    const check = () => {
      throw new Error(`call ${++calls > 1 ? "later" : "first"}`);
    };
    await assert.rejects(eventually(check, { timeoutMs: 20, pollMs: 1 }), /call later/);
  });

  it("says what it waited for when there was never an answer", async () => {
    await assert.rejects(
      eventually(() => false, { timeoutMs: 5, pollMs: 1 }),
      /still false after 5 ms: \(\) => false/,
    );
  });
});

describe("fakeClock", () => {
  it("moves both times on, and lets the wall clock jump alone", () => {
    const clock = fakeClock(1000);
    clock.advance(5);
    clock.set(200);
    assert.equal(clock.now(), 200);
    assert.equal(clock.monotonic(), 5);
  });
});

describe("tempDir", () => {
  it("makes a new directory each time", () => {
    const [a, b] = [tempDir(), tempDir()];
    assert.notEqual(a, b);
    assert.ok(existsSync(a));
  });
});
