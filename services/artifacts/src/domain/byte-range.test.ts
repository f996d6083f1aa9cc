import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError, OutOfRangeError } from "@tidemill/errors";
import { parseRange } from "./byte-range.ts";

const served: readonly [string | undefined, number, [number, number] | undefined][] = [
  [undefined, 10, undefined],
  ["bytes=0-", 10, [0, 10]],
  ["bytes=0-0", 10, [0, 1]],
  ["bytes=3-5", 10, [3, 6]],
  ["bytes=3-500", 10, [3, 10]],
  ["Bytes = 9-", 10, [9, 10]],
  ["bytes=-1", 10, [9, 10]],
  ["bytes=-100", 10, [0, 10]],
  ["items=0-1", 10, undefined],
];

const past: readonly [string, number][] = [
  ["bytes=10-", 10],
  ["bytes=10-20", 10],
  ["bytes=-0", 10],
  ["bytes=0-", 0],
  ["bytes=-5", 0],
];

const malformed = ["bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,3-4"];

describe("a Range header", () => {
  for (const [header, size, expected] of served) {
    it(`${header} of ${size} bytes is ${expected?.join(" to ") ?? "the whole"}`, () => {
      const range = parseRange(header, size);
      assert.deepEqual(range === undefined ? undefined : [range.start, range.end], expected);
    });
  }
  for (const [header, size] of past) {
    it(`${header} of ${size} bytes is past the end`, () => {
      assert.throws(() => parseRange(header, size), OutOfRangeError);
    });
  }
  for (const header of malformed) {
    it(`${header} is refused`, () => {
      assert.throws(() => parseRange(header, 10), InvalidError);
    });
  }
});
