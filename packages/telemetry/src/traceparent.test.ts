import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runInScope } from "./scope.ts";
import { currentTraceparent, formatTraceparent, parseTraceparent } from "./traceparent.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const header = `00-${traceId}-b7ad6b7169203331-01`;

const refused = [
  { name: "nothing", value: undefined },
  { name: "an empty text", value: "" },
  { name: "upper case", value: header.toUpperCase() },
  { name: "a trace id of zeros", value: `00-${"0".repeat(32)}-b7ad6b7169203331-01` },
  { name: "more than version 00 has", value: `${header}-00` },
  { name: "version ff", value: header.replace(/^00/, "ff") },
];

describe("a traceparent header", () => {
  it("is read and written again as it was", () => {
    const span = parseTraceparent(header);
    assert.ok(span);
    assert.equal(span.traceId, traceId);
    assert.equal(formatTraceparent(span), header);
  });
  it("of a later version may go on", () => {
    assert.equal(parseTraceparent(`01-${header.slice(3)}-more`)?.traceId, traceId);
  });
  for (const { name, value } of refused) {
    it(`that is ${name} names no span`, () => assert.equal(parseTraceparent(value), undefined));
  }
  it("is sent on by what runs in its scope", () => {
    const span = parseTraceparent(header);
    assert.ok(span);
    assert.equal(runInScope({ fields: {}, span }, currentTraceparent), header);
    assert.equal(currentTraceparent(), undefined);
  });
});
