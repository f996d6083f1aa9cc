import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mergeStreams } from "./merge-streams.ts";

async function* from<Item>(...items: Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function all<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe("merged streams", () => {
  it("give every item of each, in its order", async () => {
    const items = await all(mergeStreams([from(1, 2, 3), from(10, 20), from<number>()]));
    assert.deepEqual(
      items.filter((item) => item < 10),
      [1, 2, 3],
    );
    assert.deepEqual(
      items.filter((item) => item >= 10),
      [10, 20],
    );
  });

  it("end with the error of one of them", async () => {
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      throw new Error("broken");
    }
    await assert.rejects(all(mergeStreams([broken(), from(2)])), /broken/);
  });

  it("end all of them when the reader leaves", async () => {
    let ended = 0;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (let item = 0; ; item++) yield item;
      } finally {
        ended += 1;
      }
    }
    for await (const item of mergeStreams([endless(), endless()])) if (item === 3) break;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(ended, 2);
  });
});
