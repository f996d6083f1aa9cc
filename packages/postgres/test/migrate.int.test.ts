import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { StateError } from "@tidemill/errors";
import { createDatabase, type Database, migrate, statement } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { cloneDatabase, startPostgres, type TestPostgres, tempDir } from "@tidemill/testing";

const countApplied = statement<{ n: number }>(
  "test_applied",
  "select count(*) as n from schema_migrations",
);

describe("migrations", () => {
  let server: TestPostgres;
  let database: Database;
  let url: string;
  let directory: string;
  const cleanup: (() => Promise<void>)[] = [];

  before(async () => {
    server = await startPostgres();
  });
  beforeEach(async () => {
    const clone = await cloneDatabase(server, { key: "empty", prepare: async () => {} });
    url = clone.url;
    database = createDatabase({ url, poolMax: 4, log: silentLogger });
    directory = join(tempDir("migrations"), "files");
    await mkdir(directory);
    cleanup.push(database.stop, clone.drop);
  });
  after(async () => {
    for (const clean of cleanup) await clean();
    await server.stop();
  });

  const file = (name: string, sql: string) => writeFile(join(directory, name), sql);
  const run = (db = database) => migrate(db, [{ name: "test", directory }], silentLogger);

  it("apply each file once, in order", async () => {
    await file("0001_create.sql", "create table a (id int); insert into a values (1);");
    await run();
    await file("0002_more.sql", "insert into a values (2);");
    await run();
    await run();
    const { rows } = await database.query(
      statement<{ ids: number[] }>("test_ids", "select array_agg(id order by id) as ids from a"),
    );
    assert.deepEqual(rows[0]?.ids, [1, 2]);
  });

  it("leave nothing of a file that fails, and go on from there once it is mended", async () => {
    await file("0001_create.sql", "create table a (id int);");
    await file("0002_broken.sql", "create table b (id int); select broken;");
    await assert.rejects(run());
    assert.equal((await database.query(countApplied)).rows[0]?.n, 1);
    await file("0002_broken.sql", "create table b (id int);");
    await run();
    assert.equal((await database.query(countApplied)).rows[0]?.n, 2);
  });

  it("may be raced for by several processes", async () => {
    await file("0001_create.sql", "create table a (id int); select pg_sleep(0.3);");
    await file("0002_more.sql", "insert into a values (1); select pg_sleep(0.1);");
    const starters = [1, 2, 3].map(() => startMigrating(url, directory));
    assert.deepEqual(await Promise.all(starters), [0, 0, 0]);
    await Promise.all([run(), run()]);
    assert.equal((await database.query(countApplied)).rows[0]?.n, 2);
  });

  it("refuse a database that a newer version has migrated", async () => {
    await file("0001_create.sql", "create table a (id int);");
    await file("0002_newer.sql", "create table b (id int);");
    await run();
    await rm(join(directory, "0002_newer.sql"));
    await assert.rejects(run(), (error) => {
      assert.ok(error instanceof StateError);
      assert.equal(error.reason, "DATABASE_NEWER");
      assert.match(error.message, /test\/0002_newer\.sql/);
      return true;
    });
  });

  it("refuse a file that has changed since it was applied", async () => {
    await file("0001_create.sql", "create table a (id int);");
    await run();
    await file("0001_create.sql", "create table a (id bigint);");
    await assert.rejects(run(), (error) => {
      return error instanceof StateError && error.reason === "MIGRATION_CHANGED";
    });
  });

  it("take a gap in the numbers for the mistake that it is", async () => {
    await file("0002_late.sql", "select 1;");
    await assert.rejects(run(), /0002_late\.sql is not migration 1/);
  });
});

/** Migrates in a process of its own; answers its exit code. */
function startMigrating(url: string, directory: string): Promise<number | null> {
  const script = `
    import { createDatabase, migrate } from "@tidemill/postgres";
    import { silentLogger } from "@tidemill/telemetry";
    const [url, directory] = process.argv.slice(1);
    const database = createDatabase({ url, poolMax: 1, log: silentLogger });
    await migrate(database, [{ name: "test", directory }], silentLogger);
    await database.stop();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, url, directory], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((resolve) => child.once("close", resolve));
}
