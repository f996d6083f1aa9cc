import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import fc from "fast-check";
import { pageTokens } from "./page-tokens.ts";

const tokens = pageTokens(Buffer.alloc(32, 7));

describe("page tokens", () => {
  it("carry their payload through any client", () => {
    const values = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), values), (payload) => {
        const { __proto__: _, ...plain } = payload;
        assert.deepEqual({ ...tokens.open(tokens.sign(plain)) }, { ...plain });
      }),
    );
  });

  const good = tokens.sign({ list: "runs", after: "0199" });
  const cases: Record<string, string> = {
    "one that is empty": "",
    "one that is no base64": "!!!!",
    "one that is too long": "A".repeat(5_000),
    "one without a payload": good.slice(0, 44),
    "one of another version": Buffer.concat([
      Uint8Array.of(2),
      Buffer.from(good, "base64url").subarray(1),
    ]).toString("base64url"),
    "one signed with another key": pageTokens(Buffer.alloc(32, 8)).sign({ list: "runs" }),
    "one whose payload was changed": flipLastByte(good),
  };
  for (const [name, token] of Object.entries(cases)) {
    it(`refuse ${name}`, () => {
      assert.throws(
        () => tokens.open(token),
        (error) => error instanceof InvalidError && error.reason === "BAD_PAGE_TOKEN",
      );
    });
  }

  it("refuse whatever bytes were not signed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.throws(() => tokens.open(Buffer.from(bytes).toString("base64url")), InvalidError);
      }),
    );
  });

  it("need a key that cannot be guessed", () => {
    assert.throws(() => pageTokens(Buffer.alloc(8)), InvalidError);
  });
});

function flipLastByte(token: string): string {
  const bytes = Buffer.from(token, "base64url");
  bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
  return bytes.toString("base64url");
}
