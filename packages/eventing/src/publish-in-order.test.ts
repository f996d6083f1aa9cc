import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import type { PositionedEvent } from "./positioned-event.ts";
import { IN_FLIGHT_MAX, publishInOrder } from "./publish-in-order.ts";

const events = Array.from(
  { length: 1_000 },
  (_, index) => ({ position: index + 1 }) as PositionedEvent,
);

describe("publishing", () => {
  it("sends in order, never has more under way than allowed, and answers the last sequence", async () => {
    const sent: number[] = [];
    let underWay = 0;
    let most = 0;
    const highest = await publishInOrder(events, {
      async publish(event) {
        sent.push(event.position);
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return event.position + 10;
      },
    });
    assert.equal(highest, 1_010);
    assert.equal(most, IN_FLIGHT_MAX);
    assert.deepEqual(
      sent,
      events.map((event) => event.position),
    );
  });

  it("stops after a failure and throws it once what was sent is answered", async () => {
    let underWay = 0;
    let sent = 0;
    const publishing = publishInOrder(events, {
      async publish(event) {
        sent += 1;
        underWay += 1;
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        if (event.position === 300) throw new InvalidError("TEST", "refused");
        return event.position;
      },
    });
    await assert.rejects(publishing, InvalidError);
    assert.equal(underWay, 0);
    assert.ok(sent < events.length);
  });
});
