import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { UnavailableError } from "@tidemill/errors";
import { uuidv7Source } from "@tidemill/lifecycle";
import {
  createPartitionKeeper,
  type Database,
  dropExpiredPartitions,
  ensureRangePartitions,
  postgresMigrations,
  statement,
} from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, fakeClock, startPostgres, testDatabase } from "@tidemill/testing";

const DAY_MS = 24 * 60 * 60 * 1000;
const listPartitions = statement<{ name: string; indexes: number }>(
  "test_partitions",
  `select inhrelid::regclass::text as name,
          (select count(*) from pg_index where indrelid = inhrelid) as indexes
   from pg_inherits where inhparent = to_regclass($1) order by 1`,
);

describe("partitions by time", () => {
  let database: Database;
  let drop: () => Promise<void>;
  let stopServer: () => Promise<void>;

  before(async () => {
    const server = await startPostgres();
    stopServer = server.stop;
    ({ database, drop } = await testDatabase(server, [postgresMigrations]));
  });
  after(async () => {
    await drop();
    await stopServer();
  });

  async function createTable(table: string): Promise<void> {
    await database.execute(`
      create table ${table} (id uuid not null, note text,
        constraint ${table}_pkey primary key (id)) partition by range (id);
      create index ${table}_note on ${table} (note);`);
  }
  const names = async (table: string) =>
    (await database.query(listPartitions, [table])).rows.map((row) => row.name);

  it("are made for the last, the current and the next periods, by several starters at once", async () => {
    await createTable("rows_a");
    const nowMs = Date.parse("2026-12-15T00:00:00Z");
    const target = { table: "rows_a", granularity: "month" } as const;
    await Promise.all([1, 2, 3].map(() => ensureRangePartitions(database, target, nowMs)));
    const { rows } = await database.query(listPartitions, ["rows_a"]);
    assert.deepEqual(
      rows.map((row) => row.name),
      ["rows_a_p202611", "rows_a_p202612", "rows_a_p202701", "rows_a_p202702"],
    );
    assert.ok(
      rows.every((row) => row.indexes === 2),
      "each has the parent's indexes",
    );
  });

  it("take every id of their time", async () => {
    await createTable("rows_b");
    const nowMs = Date.parse("2026-11-25T12:00:00Z");
    await ensureRangePartitions(database, { table: "rows_b", granularity: "day" }, nowMs);
    const insert = statement("test_insert_b", "insert into rows_b (id) values ($1)");
    const dayMs = Date.parse("2026-11-25T00:00:00Z");
    for (const timeMs of [dayMs - DAY_MS, dayMs - 1, dayMs, nowMs, dayMs + 3 * DAY_MS - 1]) {
      const id = uuidv7Source({ now: () => timeMs, monotonic: () => 0 }).next();
      await database.query(insert, [id]);
    }
  });

  it("are dropped after the retention, oldest first, unless somebody still needs them", async () => {
    await createTable("rows_c");
    const target = { table: "rows_c", granularity: "day" } as const;
    const startMs = Date.parse("2026-11-01T12:00:00Z");
    await ensureRangePartitions(database, target, startMs);
    await ensureRangePartitions(database, target, startMs + 4 * DAY_MS);
    const expiry = { nowMs: startMs + 4 * DAY_MS, retentionMs: DAY_MS };
    const asked: string[] = [];
    const dropped = await dropExpiredPartitions(database, target, {
      ...expiry,
      mayDrop: async (name) => {
        asked.push(name);
        return name !== "rows_c_p20261101";
      },
    });
    assert.deepEqual(asked, ["rows_c_p20261031", "rows_c_p20261101"]);
    assert.deepEqual(dropped, ["rows_c_p20261031"]);
    const rest = await dropExpiredPartitions(database, target, expiry);
    assert.deepEqual(rest, ["rows_c_p20261101", "rows_c_p20261102", "rows_c_p20261103"]);
  });

  it("are left for the next round while somebody reads them", async () => {
    await createTable("rows_d");
    const target = { table: "rows_d", granularity: "day" } as const;
    const startMs = Date.parse("2026-11-01T12:00:00Z");
    await ensureRangePartitions(database, target, startMs);
    const expiry = { nowMs: startMs + DAY_MS, retentionMs: DAY_MS };
    await database.transaction(async (tx) => {
      await tx.execute("select * from rows_d");
      assert.deepEqual(await dropExpiredPartitions(database, target, expiry), []);
    });
    assert.deepEqual(await dropExpiredPartitions(database, target, expiry), ["rows_d_p20261031"]);
  });

  it("are there soon after a machine has slept for days, and until then it is said so", async () => {
    await createTable("rows_f");
    const clock = fakeClock(Date.parse("2026-01-01T12:00:00Z"));
    const target = { table: "rows_f", granularity: "day", retentionMs: undefined } as const;
    const keeper = createPartitionKeeper({ database, tables: [target], clock, log: silentLogger });
    await keeper.start();
    const insert = statement("test_insert_f", "insert into rows_f (id) values ($1)");
    const row = () => database.query(insert, [uuidv7Source(clock).next()]);
    try {
      await row();
      clock.set(Date.parse("2026-01-05T09:00:00Z"));
      await assert.rejects(row(), UnavailableError);
      await eventually(() => row().then(() => true));
      clock.set(Date.parse("2025-12-01T09:00:00Z"));
      await eventually(() => row().then(() => true));
    } finally {
      await keeper.stop();
    }
  });

  it("are kept ahead of a clock that moves on, and behind it", async () => {
    await createTable("rows_e");
    const clock = fakeClock(Date.parse("2026-01-01T12:00:00Z"));
    const keeper = createPartitionKeeper({
      database,
      tables: [{ table: "rows_e", granularity: "day", retentionMs: DAY_MS }],
      clock,
      log: silentLogger,
      periodMs: 20,
    });
    await keeper.start();
    assert.deepEqual((await names("rows_e")).at(-1), "rows_e_p20260103");
    clock.advance(3 * DAY_MS);
    await eventually(async () => (await names("rows_e")).at(-1) === "rows_e_p20260106");
    await eventually(async () => (await names("rows_e"))[0] === "rows_e_p20260103");
    await keeper.stop();
  });
});
