import assert from "node:assert/strict";
import { it } from "node:test";
import { pageOf } from "./page.ts";
import { pageTokens } from "./page-tokens.ts";

const tokens = pageTokens(Buffer.alloc(32, 7));
const positionOf = (last: number) => ({ after: last });

it("a page that has more behind it ends with a token for the row it ends with", () => {
  const page = pageOf([1, 2, 3], 2, tokens, positionOf);
  assert.deepEqual(page.items, [1, 2]);
  assert.deepEqual(tokens.open(page.nextPageToken), { after: 2 });
});

it("the last page has no token, also when it is full or empty", () => {
  assert.deepEqual(pageOf([1, 2], 2, tokens, positionOf), { items: [1, 2], nextPageToken: "" });
  assert.deepEqual(pageOf([], 2, tokens, positionOf), { items: [], nextPageToken: "" });
});
