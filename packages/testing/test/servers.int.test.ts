import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect } from "@nats-io/transport-node";
import { postgresMigrations } from "@tidemill/postgres";
import pg from "pg";
import {
  cloneDatabase,
  startNats,
  startPostgres,
  type TestNats,
  type TestPostgres,
  testDatabase,
} from "../src/index.ts";

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe("startPostgres", () => {
  let server: TestPostgres;
  before(async () => {
    server = await startPostgres({ own: true });
  });
  after(() => server.stop());

  it("is a UTF-8 server with checksums whose order depends on no locale", async () => {
    const [row] = await query(
      server.url,
      `select current_setting('server_version_num')::int >= 180000 as new,
        current_setting('server_encoding') as encoding,
        current_setting('data_checksums') as checksums,
        current_setting('password_encryption') as passwords,
        (select datlocprovider::text || ':' || datlocale from pg_database where datname = 'postgres') as locale`,
    );
    assert.deepEqual(row, {
      new: true,
      encoding: "UTF8",
      checksums: "on",
      passwords: "scram-sha-256",
      locale: "b:C.UTF-8",
    });
  });

  it("keeps what was committed when it is killed and started again", async () => {
    await query(server.url, "create table kept (n int)");
    await query(server.url, "insert into kept values (7)");
    await server.kill9();
    await server.restart();
    assert.deepEqual(await query(server.url, "select n from kept"), [{ n: 7 }]);
  });

  it("prepares a template once for files that race for it", async () => {
    let prepared = 0;
    const template = {
      key: "raced",
      async prepare(url: string) {
        prepared++;
        await query(url, "create table t (n int)");
      },
    };
    const clones = await Promise.all([
      cloneDatabase(server, template),
      cloneDatabase(server, template),
      cloneDatabase(server, template),
    ]);
    assert.equal(prepared, 1);
    for (const clone of clones) {
      assert.deepEqual(await query(clone.url, "select * from t"), []);
      await clone.drop();
    }
    const left = await query(server.url, "select 1 from pg_database where datname like 'test_%'");
    assert.deepEqual(left, []);
  });
});

describe("testDatabase", () => {
  it("gives each caller a database that went through the migrations", async () => {
    const server = await startPostgres();
    const [first, second] = await Promise.all([
      testDatabase(server, [postgresMigrations]),
      testDatabase(server, [postgresMigrations]),
    ]);
    assert.notEqual(first.url, second.url);
    for (const { url } of [first, second]) {
      assert.deepEqual(await query(url, "select source, number from schema_migrations"), [
        { source: "postgres", number: 1 },
      ]);
    }
    await Promise.all([first.drop(), second.drop()]);
    await server.stop();
  });
});

describe("startNats", () => {
  let server: TestNats;
  before(async () => {
    server = await startNats();
  });
  after(() => server.stop());

  it("refuses a client without the token", async () => {
    await assert.rejects(connect({ servers: server.url, token: "wrong", reconnect: false }));
  });

  it("speaks JetStream, survives a kill and forgets after a wipe", async () => {
    const streams = async () => {
      const client = await connect({ servers: server.url, token: server.token });
      const answer = await client.request("$JS.API.STREAM.NAMES", "", { timeout: 5000 });
      await client.close();
      const names: { streams: string[] | null } = answer.json();
      return names.streams ?? [];
    };
    const client = await connect({ servers: server.url, token: server.token });
    const stream = JSON.stringify({ name: "S", subjects: ["s.>"], storage: "file" });
    await client.request("$JS.API.STREAM.CREATE.S", stream, { timeout: 5000 });
    await client.close();
    await server.kill9();
    await server.start();
    assert.deepEqual(await streams(), ["S"]);
    await server.kill9();
    await server.wipe();
    await server.start();
    assert.deepEqual(await streams(), []);
  });
});
