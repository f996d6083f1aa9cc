import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { REWIND_EVENTS, reconcile } from "./reconcile.ts";

const cursor = { position: 5_000, streamCreated: "monday", sequence: 5_000 };

function stream(created: string, lastSequence: number, lastPosition: number | undefined) {
  return { created, lastSequence, lastPosition: () => Promise.resolve(lastPosition) };
}

describe("a look at what the broker has", () => {
  it("changes nothing while the stream reaches as far as the cursor, or further", async () => {
    assert.equal(await reconcile(cursor, stream("monday", 5_000, 5_000)), cursor);
    assert.equal(await reconcile(cursor, stream("monday", 5_600, 5_600)), cursor);
  });

  it("goes back behind the last message when the stream has lost its tail", async () => {
    const { position, sequence } = await reconcile(cursor, stream("monday", 4_000, 4_000));
    assert.equal(position, 4_000 - REWIND_EVENTS);
    assert.equal(sequence, 4_000);
  });

  it("goes back to the beginning when the stream is new and empty", async () => {
    assert.deepEqual(await reconcile(cursor, stream("tuesday", 0, undefined)), {
      position: 0,
      streamCreated: "tuesday",
      sequence: 0,
    });
  });

  it("goes back to the beginning when the last message tells no position", async () => {
    assert.equal((await reconcile(cursor, stream("monday", 10, undefined))).position, 0);
  });

  it("never goes forward, whatever a stream of another database holds", async () => {
    const young = { position: 3, streamCreated: "", sequence: 0 };
    assert.equal((await reconcile(young, stream("monday", 9_000, 9_000))).position, 3);
  });
});
