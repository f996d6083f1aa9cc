import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import { claimedDigest, EMPTY_DIGEST, requireDigest } from "./digest.ts";

const base64 = Buffer.from(EMPTY_DIGEST, "hex").toString("base64");

describe("digests", () => {
  for (const value of ["", "abc", EMPTY_DIGEST.toUpperCase(), `${EMPTY_DIGEST}0`, "../../etc"]) {
    it(`refuses ${JSON.stringify(value.slice(0, 12))}`, () => {
      assert.throws(() => requireDigest(value), InvalidError);
    });
  }

  it("reads what a client claims from either header", () => {
    assert.equal(claimedDigest({}), undefined);
    assert.equal(claimedDigest({ sha256: EMPTY_DIGEST }), EMPTY_DIGEST);
    assert.equal(claimedDigest({ contentDigest: `sha-256=:${base64}:` }), EMPTY_DIGEST);
    const both = `sha-512=:AAAA:, SHA-256=:${base64}:`;
    assert.equal(claimedDigest({ contentDigest: both, sha256: EMPTY_DIGEST }), EMPTY_DIGEST);
    assert.equal(claimedDigest({ contentDigest: "md5=:AAAA:" }), undefined);
  });

  const bad = [
    { sha256: "xyz" },
    { contentDigest: "sha-256=:AAAA:" },
    { contentDigest: "sha-256=abc" },
    { contentDigest: `sha-256=:${base64}:`, sha256: "0".repeat(64) },
  ];
  for (const headers of bad) {
    it(`refuses the claim ${JSON.stringify(headers).slice(0, 60)}`, () => {
      assert.throws(() => claimedDigest(headers), InvalidError);
    });
  }
});
