import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { orderByVersion, type PendingEvent } from "./order-by-version.ts";

function pending(id: string, entityId: string, version: number): PendingEvent {
  return { id, entity: "run", entity_id: entityId, entity_version: version };
}

describe("the order of events that wait for a position", () => {
  it("is that of their ids", () => {
    const events = [pending("3", "b", 1), pending("1", "a", 1), pending("2", "c", 1)];
    const ids = orderByVersion(events).map((event) => event.id);
    assert.deepEqual(ids, ["1", "2", "3"]);
  });

  it("is that of versions within an entity, whatever the clocks said", () => {
    const events = [pending("1", "a", 2), pending("2", "b", 1), pending("3", "a", 1)];
    const order = orderByVersion(events).map(
      (event) => `${event.entity_id}${event.entity_version}`,
    );
    assert.deepEqual(order, ["a1", "b1", "a2"]);
  });

  it("keeps every event once and every entity in order", () => {
    const event = fc.record({ entityId: fc.constantFrom("a", "b", "c"), clock: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(event), (entries) => {
        const versions = new Map<string, number>();
        const events = entries.map(({ entityId, clock }, index) => {
          const version = (versions.get(entityId) ?? 0) + 1;
          versions.set(entityId, version);
          return pending(`${String(clock).padStart(3, "0")}-${index}`, entityId, version);
        });
        const ordered = orderByVersion(events);
        assert.deepEqual(new Set(ordered), new Set(events));
        for (const entityId of versions.keys()) {
          const seen = ordered.filter((entry) => entry.entity_id === entityId);
          const expected = seen.map((_, index) => index + 1);
          assert.deepEqual(
            seen.map((entry) => entry.entity_version),
            expected,
          );
        }
      }),
    );
  });
});
