import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createPlanCache, PLANS_CACHED_BYTES_MAX, PLANS_CACHED_MAX } from "./plan-cache.ts";

const spec = Buffer.from(
  JSON.stringify({
    pipelineInfo: { name: "cached" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.0",
    root: { dag: { tasks: { only: { taskInfo: { name: "only" }, componentRef: { name: "c" } } } } },
    components: { c: { executorLabel: "e" } },
    deploymentSpec: { executors: { e: { container: { image: "alpine", command: ["true"] } } } },
  }),
);

describe("the cache of plans", () => {
  it("reads a specification once, however many ask for it", async () => {
    let reads = 0;
    const cache = createPlanCache(async () => {
      reads += 1;
      return spec;
    });
    const plans = await Promise.all([cache.planOf("a"), cache.planOf("a")]);
    assert.equal(plans[0], plans[1]);
    assert.equal(await cache.planOf("a"), plans[0]);
    assert.equal(reads, 1);
  });

  it("asks again after a failure", async () => {
    let reads = 0;
    const cache = createPlanCache(() => {
      reads += 1;
      return reads === 1 ? Promise.reject(new Error("away")) : Promise.resolve(spec);
    });
    await assert.rejects(cache.planOf("a"), /away/);
    assert.equal((await cache.planOf("a")).pipelineName, "cached");
  });

  for (const { name, sizeBytes, more } of [
    { name: "many", sizeBytes: 1, more: PLANS_CACHED_MAX },
    { name: "large", sizeBytes: PLANS_CACHED_BYTES_MAX, more: 1 },
  ]) {
    it(`forgets the least recently used of ${name}`, async () => {
      let reads = 0;
      const cache = createPlanCache(async () => {
        reads += 1;
        return spec;
      });
      const plan = await cache.planOf("first");
      for (let index = 0; index < more; index++) cache.put(`other ${index}`, plan, sizeBytes);
      await cache.planOf("first");
      assert.equal(reads, 2);
    });
  }
});
