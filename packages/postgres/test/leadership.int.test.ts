import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createLeadership, type Database, postgresMigrations } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, startPostgres, testDatabase } from "@tidemill/testing";
import { startProxy } from "./frozen-proxy.ts";

describe("leadership", () => {
  let database: Database;
  let drop: () => Promise<void>;
  let server: Awaited<ReturnType<typeof startPostgres>>;

  before(async () => {
    server = await startPostgres();
    ({ database, drop } = await testDatabase(server, [postgresMigrations]));
  });
  after(async () => {
    await drop();
    await server.stop();
  });

  function candidate(leading: Set<string>, name: string, connection = database.connection) {
    return createLeadership({
      role: "test",
      connection,
      log: silentLogger,
      async lead(signal) {
        leading.add(name);
        await new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve(), { once: true }),
        );
        leading.delete(name);
      },
    });
  }

  it("is held by one at a time and passes on when its holder stops or loses the connection", async () => {
    const leading = new Set<string>();
    const first = candidate(leading, "first");
    await first.start();
    await eventually(() => leading.has("first"));
    const second = candidate(leading, "second");
    await second.start();
    await first.stop();
    await eventually(() => leading.has("second"));
    assert.deepEqual([...leading], ["second"]);
    await database.execute(
      `select pg_terminate_backend(pid) from pg_locks
       where locktype = 'advisory' and database = (select oid from pg_database
                                                   where datname = current_database())`,
    );
    await eventually(() => leading.size === 0);
    await eventually(() => leading.has("second"));
    await second.stop();
    assert.equal(leading.size, 0);
  });

  it("can be stopped while its server answers no more, whether it leads or asks", async () => {
    const proxy = await startProxy(database.connection.connectionString);
    const connection = { ...database.connection, connectionString: proxy.url };
    const leading = new Set<string>();
    const [first, second] = ["first", "second"].map((name) => candidate(leading, name, connection));
    await first?.start();
    await eventually(() => leading.has("first"));
    await second?.start();
    proxy.freeze();
    await Promise.all([first?.stop(), second?.stop()]);
    assert.equal(leading.size, 0);
    await proxy.stop();
  });
});
