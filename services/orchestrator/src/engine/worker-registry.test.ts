import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createWorkConnection } from "./work-connection.ts";
import { createWorkerRegistry, heldAttemptOf } from "./worker-registry.ts";

function held(id: string, slots: number) {
  const rest = { slots, committed: true, sent: true, dispatchedAtMs: 0 };
  return heldAttemptOf({} as never, {} as never, { id, epoch: 1 }, rest);
}

function connected(registry: ReturnType<typeof createWorkerRegistry>, id: string, credits: number) {
  const worker = registry.ensure(id, 0);
  worker.connection = createWorkConnection();
  worker.credits = credits;
  return worker;
}

describe("workers", () => {
  it("are chosen by how much room they have", () => {
    const registry = createWorkerRegistry();
    const small = connected(registry, "small", 2);
    const large = connected(registry, "large", 4);
    assert.equal(registry.choose(1), large);
    registry.hold(large, held("a", 3));
    assert.equal(registry.choose(1), small);
    assert.equal(registry.choose(2), small);
    assert.deepEqual(registry.slots, { used: 3, total: 6 });
  });

  it("take all they have for a request beyond them, and only when they are free", () => {
    const registry = createWorkerRegistry();
    const worker = connected(registry, "only", 2);
    assert.equal(registry.choose(16), worker);
    registry.hold(worker, held("a", 1));
    assert.equal(registry.choose(16), undefined);
  });

  it("are not chosen while they are away or drain", () => {
    const registry = createWorkerRegistry();
    const gone = connected(registry, "gone", 2);
    gone.connection?.close();
    connected(registry, "drained", 0);
    assert.equal(registry.choose(1), undefined);
    assert.equal(registry.hasFreeSlot, false);
  });

  it("give slots back once, however often it is said that an attempt is over", () => {
    const registry = createWorkerRegistry();
    const worker = connected(registry, "w", 2);
    const attempt = held("a", 2);
    registry.hold(worker, attempt);
    registry.freeSlots(worker, attempt);
    registry.freeSlots(worker, attempt);
    assert.equal(worker.used, 0);
    registry.takeSlots(worker, attempt);
    assert.equal(worker.used, 2);
    registry.release(worker, "a");
    registry.release(worker, "a");
    assert.equal(worker.used, 0);
  });

  it("are forgotten when they are away and have nothing", () => {
    const registry = createWorkerRegistry();
    const worker = connected(registry, "w", 2);
    registry.forgetIfIdle(worker);
    assert.equal(registry.find("w"), worker);
    worker.connection = undefined;
    registry.forgetIfIdle(worker);
    assert.equal(registry.find("w"), undefined);
  });
});
