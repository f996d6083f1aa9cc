import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeHeaderValue, encodeHeaderValue } from "./header-codec.ts";

describe("the codec of header values", () => {
  const cases = [
    ["plain-text_1/2", "plain-text_1/2"],
    ["Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"],
    ['a "quoted" 100%', "a%20%22quoted%22%20100%25"],
    ["line\r\nbreak", "line%0D%0Abreak"],
    ["", ""],
  ] as const;
  for (const [value, encoded] of cases) {
    it(`writes ${JSON.stringify(value)} as ${encoded} and reads it back`, () => {
      assert.equal(encodeHeaderValue(value), encoded);
      assert.equal(decodeHeaderValue(encoded), value);
    });
  }

  it("brings every well-formed string back, through printable ASCII", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const encoded = encodeHeaderValue(value);
        assert.match(encoded, /^[!-~]*$/);
        assert.equal(decodeHeaderValue(encoded), value);
      }),
    );
  });

  it("decodes once only", () => {
    assert.equal(decodeHeaderValue("%2541"), "%41");
  });

  const refused = {
    "an overlong slash": "%C0%AF",
    "half of a surrogate pair": "%ED%A0%80",
    "a lone continuation byte": "%80",
    "a percent sign without digits": "100%",
    "a percent sign before no hex": "%zz",
    "a character that should have been encoded": "é",
    "a control character": "a\u0001",
  };
  for (const [name, encoded] of Object.entries(refused)) {
    it(`refuses ${name}`, () => assert.equal(decodeHeaderValue(encoded), undefined));
  }

  it("never throws on what it reads", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        decodeHeaderValue(text);
      }),
    );
  });
});
