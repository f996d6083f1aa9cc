import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Database, statement } from "@tidemill/postgres";
import { takeOverRelay } from "../src/relay-store.ts";
import { outboxDatabase } from "./event-fixtures.ts";

const selectInsertPlace = statement<{ place: string }>(
  "test_wal_insert",
  "select pg_current_wal_insert_lsn()::text as place",
);
const selectIsOnDisk = statement<{ on_disk: boolean }>(
  "test_wal_flushed",
  "select pg_current_wal_flush_lsn() > $1::pg_lsn as on_disk",
);

describe("the relay's cursor", () => {
  let database: Database;
  let drop: () => Promise<void>;

  before(async () => {
    ({ database, drop } = await outboxDatabase());
  });
  after(() => drop());

  it("is on disk before anything is published again, as the stream then hides what was lost", async () => {
    const store = await takeOverRelay(database);
    for (let position = 1; position <= 20; position++) {
      const place = (await database.query(selectInsertPlace)).rows[0]?.place;
      await store.rewind({ position, streamCreated: "s", sequence: 1 });
      assert.equal((await database.query(selectIsOnDisk, [place])).rows[0]?.on_disk, true);
    }
    assert.equal(store.cursor.position, 20);
  });

  it("is not written by a leader that another one has followed", async () => {
    const former = await takeOverRelay(database);
    await takeOverRelay(database);
    const cursor = { position: 1, streamCreated: "s", sequence: 1 };
    await assert.rejects(former.save(cursor), { reason: "RELAY_SUPERSEDED" });
    await assert.rejects(former.rewind(cursor), { reason: "RELAY_SUPERSEDED" });
  });
});
