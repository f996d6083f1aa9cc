import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createSequencer, eventBacklog, listEvents, outboxTable } from "@tidemill/eventing";
import { createPartitionKeeper, type Database, statement } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, fakeClock } from "@tidemill/testing";
import { commitEvents, outboxDatabase } from "./event-fixtures.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const setPublished = statement("test_published", "update event_relay set published_position = $1");

describe("the retention of events", () => {
  let database: Database;
  let drop: () => Promise<void>;

  before(async () => {
    ({ database, drop } = await outboxDatabase());
  });
  after(() => drop());

  it("drops old days, but none with an event that has not been published", async () => {
    const clock = fakeClock(Date.now());
    const keeper = createPartitionKeeper({
      database,
      tables: [outboxTable(database)],
      clock,
      log: silentLogger,
      periodMs: 20,
    });
    const kept = async () =>
      (await listEvents(database, { namespace: "", afterPosition: 0, limit: 100 })).events.length;
    const rounds = () => eventually(() => partitionsAhead(database, clock.now()));

    await keeper.start();
    await commitEvents(database, "run", 10);
    clock.advance(9 * DAY_MS);
    await rounds();
    assert.equal((await eventBacklog(database)).unpositioned, 10, "without positions they stay");

    const sequencer = createSequencer({ database, log: silentLogger, pollMs: 20 });
    await sequencer.start();
    await eventually(async () => (await eventBacklog(database)).unpositioned === 0);
    await sequencer.stop();
    clock.advance(DAY_MS);
    await rounds();
    assert.equal(await kept(), 10, "unpublished they stay");

    await database.query(setPublished, [10]);
    await eventually(async () => (await kept()) === 0);
    await keeper.stop();
  });
});

/** Whether the keeper has begun a round since the clock was moved: it makes partitions first. */
async function partitionsAhead(database: Database, nowMs: number): Promise<boolean> {
  const day = new Date(nowMs + 2 * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "");
  const exists = statement<{ found: boolean }>(
    `test_exists_${day}`,
    `select to_regclass('outbox_p${day}') is not null as found`,
  );
  return (await database.query(exists)).rows[0]?.found === true;
}
