import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { excerpt } from "./excerpt.ts";
import { compactJson, isDeep, jsonToPlainText, sameJson } from "./json-text.ts";

const nestedLists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("JSON as text", () => {
  const plain: readonly { json: string; text: string }[] = [
    { json: '"a\\u0062"', text: "ab" },
    { json: "null", text: "" },
    { json: " true ", text: "true" },
    { json: "3.0", text: "3" },
    { json: "-1.50", text: "-1.5" },
    { json: "12345678901234567890", text: "12345678901234567890" },
    { json: "1e21", text: "1000000000000000000000" },
    { json: "1.5e-7", text: "0.00000015" },
    { json: '{"a b": [1, "c\\" d"]}', text: '{"a b":[1,"c\\" d"]}' },
  ];
  for (const { json, text } of plain) {
    it(`${json} stands in a text as ${JSON.stringify(text)}`, () => {
      assert.equal(jsonToPlainText(json), text);
    });
  }

  it("compares values and not their spelling", () => {
    assert.ok(sameJson('{"a":1,"__proto__":{"b":[2]}}', '{ "__proto__": {"b":[2]}, "a": 1 }'));
    assert.ok(!sameJson('{"a":1,"__proto__":{"b":[2]}}', '{"a":1,"__proto__":{"b":[3]}}'));
    assert.ok(sameJson("1e2", "100.0"));
    assert.ok(!sameJson('"1"', "1"));
  });

  it("is compacted between tokens, never within strings", () => {
    assert.equal(compactJson('{ "a b" : [ 1 ,\n" \\" x" ] }'), '{"a b":[1," \\" x"]}');
  });

  it("tells how deep a value is nested, whatever stands in its texts", () => {
    assert.ok(!isDeep(`[${nestedLists(9)},"${nestedLists(90)}","\\"["]`, 10));
    assert.ok(isDeep(nestedLists(11), 10));
    assert.ok(isDeep(nestedLists(1_000_000), 10));
  });

  it("takes the white space out of any depth", () => {
    assert.equal(compactJson(`[ ${nestedLists(100_000)} ]`), `[${nestedLists(100_000)}]`);
  });
});

describe("excerpt", () => {
  it("cuts no character in half, and lets no half one through", () => {
    assert.equal(excerpt("ab😀", 3), "ab...");
    assert.equal(excerpt("ab😀", 4), "ab😀");
    assert.equal(excerpt("a\ud800"), "a\ufffd");
  });
});
