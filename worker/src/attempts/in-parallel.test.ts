import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inParallel } from "./in-parallel.ts";

describe("work in parallel", () => {
  it("is done for every item, so many at a time", async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await inParallel([1, 2, 3, 4, 5], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      done.push(item);
      running -= 1;
    });
    assert.deepEqual(done.sort(), [1, 2, 3, 4, 5]);
    assert.equal(most, 2);
  });

  it("that fails is over when that is said: nothing goes on, nothing more is begun", async () => {
    const begun: number[] = [];
    const other = Promise.withResolvers<void>();
    let hasEnded = false;
    const work = inParallel([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error("the first");
      await other.promise;
      hasEnded = true;
      throw new Error("a later one");
    });
    setImmediate(() => other.resolve());
    await assert.rejects(work, /the first/);
    assert.deepEqual([begun, hasEnded], [[1, 2], true]);
  });
});
