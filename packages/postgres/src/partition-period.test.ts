import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { uuidv7Source } from "@tidemill/lifecycle";
import { periodAt, periodOfName, periodsAround, uuidFloor } from "./partition-period.ts";

describe("partition periods", () => {
  const cases = [
    { at: "2026-11-25T10:00:00Z", by: "month", suffix: "p202611", end: "2026-12-01T00:00:00Z" },
    { at: "2026-12-31T23:59:59.999Z", by: "month", suffix: "p202612", end: "2027-01-01T00:00:00Z" },
    { at: "2028-02-29T00:00:00Z", by: "day", suffix: "p20280229", end: "2028-03-01T00:00:00Z" },
    { at: "2026-12-31T12:00:00Z", by: "day", suffix: "p20261231", end: "2027-01-01T00:00:00Z" },
  ] as const;
  for (const { at, by, suffix, end } of cases) {
    it(`the ${by} of ${at} is ${suffix}`, () => {
      const period = periodAt(Date.parse(at), by);
      assert.equal(period.suffix, suffix);
      assert.equal(period.endMs, Date.parse(end));
      assert.deepEqual(periodOfName(`outbox_${suffix}`), period);
    });
  }

  it("the ones around a time follow each other without a gap", () => {
    const periods = periodsAround(Date.parse("2026-12-31T23:00:00Z"), "month", 2);
    const suffixes = periods.map((period) => period.suffix);
    assert.deepEqual(suffixes, ["p202611", "p202612", "p202701", "p202702"]);
    for (const [index, period] of periods.slice(1).entries()) {
      assert.equal(period.startMs, periods[index]?.endMs);
    }
  });

  it("names that are no partition of ours have no period", () => {
    for (const name of ["outbox", "outbox_default", "outbox_p2026", "outbox_p20261125_old"]) {
      assert.equal(periodOfName(name), undefined);
    }
  });

  it("an id of a millisecond lies at or above its floor and below the next one", () => {
    const timeMs = Date.parse("2026-11-25T10:00:00Z");
    const id = uuidv7Source({ now: () => timeMs, monotonic: () => 0 }).next();
    assert.ok(uuidFloor(timeMs) <= id);
    assert.ok(id < uuidFloor(timeMs + 1));
  });
});
