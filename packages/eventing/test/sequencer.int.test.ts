import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import {
  appendEvents,
  createEventHandlers,
  createSequencer,
  eventBacklog,
  listEvents,
  type PositionedEvent,
} from "@tidemill/eventing";
import { createDatabase, type Database, statement } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { eventually } from "@tidemill/testing";
import { commitEvents, outboxDatabase, runEvent } from "./event-fixtures.ts";

describe("positions of events", () => {
  let database: Database;
  let drop: () => Promise<void>;

  before(async () => {
    ({ database, drop } = await outboxDatabase());
  });
  beforeEach(async () => {
    await database.execute("truncate outbox; update event_positions set last_position = 0");
  });
  after(() => drop());

  const sequencer = () => createSequencer({ database, log: silentLogger, pollMs: 20 });
  const settled = () =>
    eventually(async () => (await eventBacklog(database)).unpositioned === 0, {
      timeoutMs: 30_000,
    });

  /** What a reader has who asks again and again from where it stopped. */
  async function readFrom(afterPosition: number): Promise<PositionedEvent[]> {
    const read: PositionedEvent[] = [];
    for (let position = afterPosition; ; ) {
      const page = await listEvents(database, {
        namespace: "",
        afterPosition: position,
        limit: 100,
      });
      read.push(...page.events);
      if (page.events.length === 0) return read;
      position = page.lastPosition;
    }
  }

  it("are 1, 2, 3 without a gap, whatever rolled back meanwhile", async () => {
    const running = sequencer();
    await running.start();
    for (let round = 1; round <= 20; round++) {
      await commitEvents(database, `run-${round}`, 10);
      const rolledBack = database.transaction(async (tx) => {
        await appendEvents(tx, [runEvent("lost", round)]);
        throw new InvalidError("TEST", "no");
      });
      await assert.rejects(rolledBack, InvalidError);
      running.wake();
    }
    await settled();
    await running.stop();
    const positions = (await readFrom(0)).map((event) => event.position);
    assert.deepEqual(
      positions,
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
  });

  it("skip nothing of a transaction held open across later commits", async () => {
    const running = sequencer();
    await running.start();
    const read: PositionedEvent[] = [];
    await database.transaction(async (slow) => {
      await appendEvents(slow, [runEvent("slow", 1), runEvent("slow", 2)]);
      for (let round = 0; round < 5; round++) {
        await commitEvents(database, `quick-${round}`, 3);
        running.wake();
        await settled();
        read.push(...(await readFrom(read.at(-1)?.position ?? 0)));
      }
      assert.equal(read.length, 15, "later commits do not wait for the slow one");
    });
    running.wake();
    await settled();
    read.push(...(await readFrom(read.at(-1)?.position ?? 0)));
    await running.stop();
    assert.deepEqual(
      read.map((event) => event.position),
      Array.from({ length: 17 }, (_, index) => index + 1),
    );
    assert.deepEqual(
      read.slice(15).map((event) => `${event.entityId}/${event.entityVersion}`),
      ["slow/1", "slow/2"],
    );
  });

  it("follow the versions of an entity, also across the limit of a batch", async () => {
    const ids = Array.from({ length: 9_000 }, (_, index) => runEvent("x", index).id).reverse();
    const events = ids.map((id, index) => runEvent(`run-${index % 7}`, index, { id }));
    for (let from = 0; from < events.length; from += 500) {
      await database.transaction((tx) => appendEvents(tx, events.slice(from, from + 500)));
    }
    const running = sequencer();
    await running.start();
    await settled();
    await running.stop();
    const versions = new Map<string, number>();
    const read = await readFrom(0);
    assert.equal(read.length, 9_000);
    for (const { entityId, entityVersion } of read) {
      assert.ok(entityVersion > (versions.get(entityId) ?? -1), `${entityId}/${entityVersion}`);
      versions.set(entityId, entityVersion);
    }
  });

  it("take transactions by number: the 99th comes before the 100th, also at a batch's limit", async () => {
    await commitEvents(database, "later", 5_000);
    await database.execute("update outbox set xid = '100'");
    await commitEvents(database, "earlier", 1);
    await database.execute("update outbox set xid = '99' where entity_id = 'earlier'");
    const running = sequencer();
    await running.start();
    await settled();
    await running.stop();
    assert.equal((await readFrom(0)).length, 5_001);
  });

  it("follow versions also when the older one was written by the younger transaction", async () => {
    const select = statement<{ n: number }>("test_order", "select count(*) as n from outbox");
    await database.transaction(async (older) => {
      // Has its number now, and gets at the entity only after the younger one.
      await appendEvents(older, [runEvent("other", 1)]);
      await commitEvents(database, "shared", 1, 1);
      await appendEvents(older, [runEvent("shared", 2)]);
      const filling = Array.from({ length: 3_998 }, (_, index) => runEvent("filling", index + 1));
      await appendEvents(older, filling);
    });
    assert.equal((await database.query(select)).rows[0]?.n, 4_001);
    const running = sequencer();
    await running.start();
    await settled();
    await running.stop();
    const shared = (await readFrom(0)).filter((event) => event.entityId === "shared");
    assert.deepEqual(
      shared.map((event) => event.entityVersion),
      [1, 2],
    );
  });

  it("stay without gaps when several sequencers run at once", async () => {
    const several = [sequencer(), sequencer(), sequencer()];
    for (const one of several) await one.start();
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let round = 0; round < 25; round++) {
        await commitEvents(database, `run-${writer}`, 4, round * 4 + 1);
        for (const one of several) one.wake();
      }
    });
    await Promise.all(writers);
    await settled();
    for (const one of several) await one.stop();
    const read = await readFrom(0);
    assert.deepEqual(
      read.map((event) => event.position),
      Array.from({ length: 800 }, (_, index) => index + 1),
    );
    assert.equal(new Set(read.map((event) => event.id)).size, 800);
  });

  it("are found by an index, also when the plan was made on an empty outbox", async () => {
    // One connection, so that its statistics can be asked for on the same one.
    const { connectionString } = database.connection;
    const single = createDatabase({ url: connectionString, poolMax: 1, log: silentLogger });
    const running = createSequencer({ database: single, log: silentLogger, pollMs: 10 });
    const scanned = statement<{ n: number }>(
      "test_scanned",
      `select coalesce(sum(seq_tup_read), 0) as n from pg_stat_user_tables
       where relname like 'outbox_p%'`,
    );
    const rowsScanned = async () => {
      await single.execute("select pg_stat_force_next_flush()");
      return (await single.query(scanned)).rows[0]?.n;
    };
    await running.start();
    const before = await rowsScanned();
    for (let round = 0; round < 10; round++) {
      await commitEvents(database, "big", 1_000, round * 1_000);
      running.wake();
    }
    await settled();
    await running.stop();
    assert.equal(await rowsScanned(), before);
    await single.stop();
  });

  it("are listed by namespace, and the place to go on from moves past the others", async () => {
    await database.transaction((tx) =>
      appendEvents(tx, [
        runEvent("a", 1),
        runEvent("b", 1, { namespace: "team" }),
        runEvent("c", 1),
      ]),
    );
    const running = sequencer();
    await running.start();
    await settled();
    await running.stop();
    const handlers = createEventHandlers({ database });
    const page = await handlers.listEvents({ namespace: "team", afterPosition: 0n, pageSize: 0 });
    assert.deepEqual(
      page.events.map((event) => event.entityId),
      ["b"],
    );
    assert.equal(page.lastPosition, 3n);
    const next = await handlers.listEvents({ namespace: "team", afterPosition: 3n, pageSize: 0 });
    assert.deepEqual(next, { events: [], lastPosition: 3n });
    for (const bad of [
      { namespace: "No Label", afterPosition: 0n, pageSize: 0 },
      { namespace: "", afterPosition: 2n ** 60n, pageSize: 0 },
    ]) {
      await assert.rejects(handlers.listEvents(bad), InvalidError);
    }
  });

  it("are listed in pages that an RPC can carry, however large the events are", async () => {
    const big = Array.from({ length: 10 }, (_, index) => {
      return { ...runEvent("big", index + 1), data: Buffer.alloc(700 * 1024, index) };
    });
    await database.transaction((tx) => appendEvents(tx, big));
    const running = sequencer();
    await running.start();
    await settled();
    await running.stop();
    const page = await listEvents(database, { namespace: "", afterPosition: 0, limit: 100 });
    assert.equal(page.events.length, 3);
    assert.equal(page.lastPosition, 3);
    const team = { namespace: "default", afterPosition: 3, limit: 100 };
    assert.equal((await listEvents(database, team)).lastPosition, 6);
    assert.equal((await readFrom(0)).length, 10);
  });
});
