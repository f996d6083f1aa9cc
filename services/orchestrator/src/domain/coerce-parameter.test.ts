import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { coerceJson, coerceOrFail, coerceSpecJson } from "./coerce-parameter.ts";
import type { ParameterType } from "./ir.ts";

const cases: readonly [ParameterType, string, string | undefined][] = [
  ["STRING", '"a"', '"a"'],
  ["STRING", "3", '"3"'],
  ["STRING", "3.0", '"3"'],
  ["STRING", "12345678901234567890", '"12345678901234567890"'],
  ["STRING", "1.50", '"1.5"'],
  ["STRING", "1e-7", '"0.0000001"'],
  ["STRING", "1e21", '"1000000000000000000000"'],
  ["STRING", "true", '"true"'],
  ["STRING", "null", '""'],
  ["STRING", '[1, "a b"]', '"[1,\\"a b\\"]"'],
  ["NUMBER_INTEGER", "3", "3"],
  ["NUMBER_INTEGER", "3.0", "3"],
  ["NUMBER_INTEGER", "12345678901234567890", "12345678901234567890"],
  ["NUMBER_INTEGER", "3.5", undefined],
  ["NUMBER_INTEGER", '"3"', undefined],
  ["NUMBER_DOUBLE", "3", "3"],
  ["NUMBER_DOUBLE", "0.10", "0.10"],
  ["NUMBER_DOUBLE", "true", undefined],
  ["BOOLEAN", "false", "false"],
  ["BOOLEAN", "0", undefined],
  ["LIST", "[1]", "[1]"],
  ["LIST", "{}", undefined],
  ["STRUCT", '{"a":1}', '{"a":1}'],
  ["STRUCT", "null", undefined],
];

describe("coerceJson", () => {
  for (const [type, json, expected] of cases) {
    const name = expected === undefined ? "is refused" : `becomes ${expected}`;
    it(`${json} as ${type} ${name}`, () => assert.equal(coerceJson(json, type), expected));
  }
});

describe("coerceSpecJson", () => {
  for (const [type, json, expected] of [
    ["NUMBER_DOUBLE", '"1e-3"', "0.001"],
    ["NUMBER_INTEGER", '"007"', "7"],
    ["NUMBER_INTEGER", '"7"', undefined],
    ["STRING", '"1e3"', '"1e3"'],
  ] as const) {
    const name = expected === undefined ? "is refused" : `becomes ${expected}`;
    it(`${json} as ${type} ${name}`, () => assert.equal(coerceSpecJson(json, type), expected));
  }
});

describe("coerceOrFail", () => {
  it("passes a value of the artifact service where its declared type fits, unread", () => {
    const blob = { kind: "blob", digest: "d", sizeBytes: 100_000 } as const;
    const about = { reason: "INPUT_TYPE", what: "x" };
    assert.equal(coerceOrFail(blob, "LIST", "LIST", about), blob);
    assert.throws(() => coerceOrFail(blob, "LIST", "STRING", about), { reason: "VALUE_TOO_LARGE" });
  });
});
