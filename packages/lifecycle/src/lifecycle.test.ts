import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { backoff, wait } from "./backoff.ts";
import { uuidv7Source } from "./clock.ts";
import { type Service, serviceGroup } from "./service.ts";

function recorded(log: string[], name: string, failing?: "start" | "stop"): Service {
  const act = async (what: "start" | "stop") => {
    log.push(`${what} ${name}`);
    if (failing === what) throw new Error(`${name} does not ${what}`);
  };
  return { start: () => act("start"), stop: () => act("stop") };
}

describe("serviceGroup", () => {
  it("starts in order and stops in the opposite order, once", async () => {
    const log: string[] = [];
    const group = serviceGroup([
      { name: "a", service: recorded(log, "a") },
      { name: "b", service: recorded(log, "b") },
    ]);
    await group.start();
    await group.stop();
    await group.stop();
    assert.deepEqual(log, ["start a", "start b", "stop b", "stop a"]);
  });

  it("is stopped for everybody who asks once nothing is left running", async () => {
    const log: string[] = [];
    const slow = Promise.withResolvers<void>();
    const group = serviceGroup([
      { name: "a", service: recorded(log, "a") },
      { name: "b", service: { start: async () => {}, stop: () => slow.promise } },
    ]);
    await group.start();
    const first = group.stop();
    const second = group.stop().then(() => log.push("second"));
    slow.resolve();
    await Promise.all([first, second]);
    assert.deepEqual(log, ["start a", "stop a", "second"]);
  });

  it("stops what had started when a later one fails", async () => {
    const log: string[] = [];
    const group = serviceGroup([
      { name: "a", service: recorded(log, "a") },
      { name: "b", service: recorded(log, "b", "start") },
      { name: "c", service: recorded(log, "c") },
    ]);
    await assert.rejects(group.start(), /b does not start/);
    assert.deepEqual(log, ["start a", "start b", "stop a"]);
  });

  it("stops the others when one does not stop, and says which", async () => {
    const log: string[] = [];
    const group = serviceGroup([
      { name: "a", service: recorded(log, "a") },
      { name: "b", service: recorded(log, "b", "stop") },
    ]);
    await group.start();
    await assert.rejects(group.stop(), (error: AggregateError) => {
      assert.deepEqual(
        error.errors.map((each: Error) => each.message),
        ["could not stop b"],
      );
      return true;
    });
    assert.ok(log.includes("stop a"));
  });
});

describe("uuidv7Source", () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  it("gives increasing, well-formed ids whatever the clock does", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 42), { minLength: 1, maxLength: 50 }), (times) => {
        let index = 0;
        const clock = { now: () => times[index++ % times.length] ?? 0, monotonic: () => 0 };
        const source = uuidv7Source(clock);
        let last = "";
        for (let count = 0; count < 100; count++) {
          const id = source.next();
          assert.match(id, uuid);
          assert.ok(id > last, `${id} after ${last}`);
          last = id;
        }
      }),
    );
  });

  it("goes on increasing past 4096 ids in one millisecond", () => {
    const source = uuidv7Source({ now: () => 1_000, monotonic: () => 0 });
    let last = "";
    for (let count = 0; count < 10_000; count++) {
      const id = source.next();
      assert.ok(id > last);
      last = id;
    }
  });

  it("carries the time in its first 48 bits", () => {
    const id = uuidv7Source({ now: () => 0x0192_3456_789a, monotonic: () => 0 }).next();
    assert.equal(id.slice(0, 13), "01923456-789a");
  });
});

describe("backoff", () => {
  it("doubles up to its maximum, jittered over the upper half", () => {
    const delays = backoff({ initialMs: 100, maxMs: 400, random: () => 0 });
    assert.deepEqual(
      [delays.nextMs(), delays.nextMs(), delays.nextMs(), delays.nextMs()],
      [50, 100, 200, 200],
    );
    delays.reset();
    assert.equal(delays.nextMs(), 50);
  });
});

describe("wait", () => {
  it("answers false at once when the signal is aborted already", async () => {
    assert.equal(await wait(60_000, AbortSignal.abort()), false);
  });

  it("answers false as soon as the signal aborts", async () => {
    const controller = new AbortController();
    const waiting = wait(60_000, controller.signal);
    controller.abort();
    assert.equal(await waiting, false);
  });

  it("answers true when the time has passed", async () => {
    assert.equal(await wait(1), true);
  });
});
