import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pageSizeOf, positionOf } from "./page-request.ts";
import { pageTokens } from "./page-tokens.ts";

const tokens = pageTokens(Buffer.alloc(32, 7));
const list = { list: "runs", namespace: "team" };

describe("a request for a page", () => {
  it("of size 0 is one for the usual size, and no size is above the largest", () => {
    const sizes = { usual: 20, max: 200 };
    assert.deepEqual(
      [0, 7, 1_000].map((size) => pageSizeOf(size, sizes)),
      [20, 7, 200],
    );
  });

  it("goes on where its token says, and begins without one", () => {
    const token = tokens.sign({ ...list, after: "0199" });
    assert.equal(positionOf(tokens, token, list)?.after, "0199");
    assert.equal(positionOf(tokens, "", list), undefined);
  });

  for (const other of [{ list: "tasks" }, { namespace: "else" }]) {
    it(`is refused with a token of ${JSON.stringify(other)}`, () => {
      const token = tokens.sign({ ...list, ...other, after: "0199" });
      assert.throws(() => positionOf(tokens, token, list), { reason: "BAD_PAGE_TOKEN" });
    });
  }
});
