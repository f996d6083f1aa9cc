import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  AlreadyExistsError,
  ConflictError,
  DeadlineError,
  InvalidError,
  UnavailableError,
} from "@tidemill/errors";
import {
  createDatabase,
  type Database,
  onUnique,
  postgresMigrations,
  statement,
} from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, startPostgres, testDatabase } from "@tidemill/testing";
import { startProxy } from "./frozen-proxy.ts";

const selectOne = statement<{ one: number }>("test_one", "select 1 as one");
const insertItem = statement("test_insert", "insert into items (id, name) values ($1, $2)");
const selectItem = statement<{ name: string }>("test_item", "select name from items where id = $1");
const unsendable = statement("test_unsendable", "select $1::text");
const renameItem = statement("test_rename", "update items set name = $2 where id = $1");

describe("a database", () => {
  let database: Database;
  let drop: () => Promise<void>;
  let stopServer: () => Promise<void>;

  before(async () => {
    const server = await startPostgres();
    stopServer = server.stop;
    ({ database, drop } = await testDatabase(server, [postgresMigrations]));
    await database.execute(
      "create table items (id bigint primary key, name text, constraint items_name_key unique (name))",
    );
  });
  after(async () => {
    await drop();
    await stopServer();
  });

  it("commits what a transaction did, and nothing of one that threw", async () => {
    await database.transaction((tx) => tx.query(insertItem, [1, "one"]));
    await assert.rejects(
      database.transaction(async (tx) => {
        await tx.query(insertItem, [2, "two"]);
        throw new InvalidError("TEST", "no");
      }),
      InvalidError,
    );
    assert.equal((await database.query(selectItem, [1])).rows[0]?.name, "one");
    assert.equal((await database.query(selectItem, [2])).rows.length, 0);
  });

  it("fails a transaction that swallowed a statement's error instead of losing its writes", async () => {
    await assert.rejects(
      database.transaction(async (tx) => {
        await tx.query(insertItem, [3, "three"]);
        await tx.query(insertItem, [3, "again"]).catch(() => {});
      }),
      /swallowed/,
    );
    assert.equal((await database.query(selectItem, [3])).rows.length, 0);
  });

  it("commits at once what no statement of failed, and nothing else", async () => {
    const insert = (id: number, name: string) =>
      database.transaction(
        (tx) => Promise.all([tx.query(insertItem, [id, name]), tx.query(selectItem, [id])]),
        { atOnce: true },
      );
    const [, found] = await insert(120, "twenty");
    assert.deepEqual(found.rows, [{ name: "twenty" }]);
    await assert.rejects(insert(121, "twenty"), AlreadyExistsError);
    assert.equal((await database.query(selectItem, [120])).rows.length, 1);
    assert.equal((await database.query(selectItem, [121])).rows.length, 0);
  });

  it("commits nothing at once when a statement could not be sent", async () => {
    const circular: unknown[] = [];
    circular.push({ circular });
    const work = database.transaction(
      (tx) => Promise.all([tx.query(insertItem, [122, "x"]), tx.query(unsendable, [circular])]),
      { atOnce: true },
    );
    await assert.rejects(work);
    assert.equal((await database.query(selectItem, [122])).rows.length, 0);
  });

  it("sends statements of a transaction together and answers each", async () => {
    const names = await database.transaction(async (tx) => {
      const [, , found] = await Promise.all([
        tx.query(insertItem, [10, "ten"]),
        tx.query(insertItem, [11, "eleven"]),
        tx.query(selectItem, [11]),
      ]);
      return found.rows;
    });
    assert.deepEqual(
      names.map((row) => row.name),
      ["eleven"],
    );
  });

  it("names the row and the constraint of a unique violation", async () => {
    await database.query(insertItem, [20, "taken"]);
    const own = new AlreadyExistsError("item", "taken");
    await assert.rejects(
      onUnique(database.query(insertItem, [21, "taken"]), { items_name_key: () => own }),
      (error) => error === own,
    );
  });

  it("refuses text with \\u0000 as the caller's mistake, also inside an array", async () => {
    const unnest = statement("test_unnest", "select * from unnest($1::text[])");
    for (const attempt of [
      () => database.query(insertItem, [30, "a\u0000b"]),
      () => database.query(unnest, [["a\u0000b"]]),
    ]) {
      await assert.rejects(attempt(), (error) => {
        return error instanceof InvalidError && error.reason === "BAD_TEXT";
      });
    }
  });

  it("runs a transaction again after a conflict as often as the caller allows", async () => {
    await database.query(insertItem, [40, "start"]);
    let runs = 0;
    const attempt = (retriesMax: number) =>
      database.transaction(
        async (tx) => {
          runs += 1;
          await tx.query(selectItem, [40]);
          if (runs === 1) await database.query(renameItem, [40, "meanwhile"]);
          await tx.query(renameItem, [40, "mine"]);
        },
        { isolation: "repeatable read", retriesMax },
      );
    await assert.rejects(attempt(0), ConflictError);
    runs = 0;
    await attempt(1);
    assert.equal(runs, 2);
    assert.equal((await database.query(selectItem, [40])).rows[0]?.name, "mine");
  });

  it("builds queries with kysely in the same transaction, with the same errors", async () => {
    interface Tables {
      items: { id: number; name: string };
    }
    await assert.rejects(
      database.transaction(async (tx) => {
        await tx.kysely<Tables>().insertInto("items").values({ id: 50, name: "k" }).execute();
        await tx.kysely<Tables>().insertInto("items").values({ id: 50, name: "k" }).execute();
      }),
      AlreadyExistsError,
    );
    const kysely = database.kysely<Tables>();
    assert.deepEqual(
      await kysely.selectFrom("items").select("id").where("id", "=", 50).execute(),
      [],
    );
  });

  it("gives bigint columns as numbers and refuses one that is none", async () => {
    const big = statement<{ n: number; list: number[] }>(
      "test_big",
      "select $1::bigint as n, array[1, $1]::bigint[] as list",
    );
    const { rows } = await database.query(big, [2 ** 40]);
    assert.deepEqual({ ...rows[0] }, { n: 2 ** 40, list: [1, 2 ** 40] });
    await assert.rejects(database.query(big, ["9223372036854775807"]), /beyond 2\^53/);
    assert.equal((await database.query(selectOne)).rows[0]?.one, 1);
  });

  it("ends a statement that takes too long, and a wait for a lock", async () => {
    const hasty = createDatabase({
      url: database.connection.connectionString,
      poolMax: 2,
      log: silentLogger,
      statementTimeoutMs: 200,
      lockTimeoutMs: 50,
    });
    try {
      await assert.rejects(hasty.execute("select pg_sleep(10)"), DeadlineError);
      await database.query(insertItem, [60, "locked"]);
      await database.transaction(async (tx) => {
        await tx.query(renameItem, [60, "held"]);
        await assert.rejects(hasty.query(renameItem, [60, "other"]), ConflictError);
      });
    } finally {
      await hasty.stop();
    }
  });
});

describe("a database whose server goes away", () => {
  it("fails the calls of that time with UnavailableError and recovers by itself", async () => {
    const server = await startPostgres({ own: true });
    const database = createDatabase({ url: server.url, poolMax: 4, log: silentLogger });
    try {
      await database.start();
      assert.equal(await database.isReady(), true);
      const sleeping = database.execute("select pg_sleep(30)");
      const open = database.transaction(async (tx) => {
        await tx.query(selectOne);
        await server.kill9();
        await tx.query(selectOne);
      });
      const [slept, transaction] = await Promise.allSettled([sleeping, open]);
      assert.ok(slept.status === "rejected" && slept.reason instanceof UnavailableError);
      assert.ok(
        transaction.status === "rejected" && transaction.reason instanceof UnavailableError,
      );
      await assert.rejects(database.query(selectOne), UnavailableError);
      assert.equal(await database.isReady(), false);
      await server.restart();
      assert.equal(await eventually(() => database.isReady()), true);
      assert.equal((await database.query(selectOne)).rows[0]?.one, 1);
      await server.restart();
      await eventually(() => database.isReady());
    } finally {
      await database.stop();
      await server.stop();
    }
  });

  it("gives up on a server that keeps the connection but answers no more, and connects anew", async () => {
    const server = await startPostgres();
    const proxy = await startProxy(server.url);
    const database = createDatabase({
      url: proxy.url,
      poolMax: 1,
      log: silentLogger,
      statementTimeoutMs: 100,
    });
    try {
      await database.start();
      proxy.freeze();
      await assert.rejects(database.query(selectOne), UnavailableError);
      proxy.thaw();
      assert.equal(await eventually(() => database.isReady()), true);
    } finally {
      await database.stop();
      await proxy.stop();
      await server.stop();
    }
  });

  it("says that it cannot be reached when it never was there", async () => {
    const database = createDatabase({
      url: "postgres://nobody@127.0.0.1:1/none",
      poolMax: 1,
      log: silentLogger,
      startTimeoutMs: 150,
    });
    await assert.rejects(database.start(), UnavailableError);
    await database.stop();
  });
});
