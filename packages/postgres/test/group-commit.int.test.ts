import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UnavailableError } from "@tidemill/errors";
import {
  createDatabase,
  createGroupCommit,
  postgresMigrations,
  statement,
} from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, startPostgres, testDatabase } from "@tidemill/testing";

const insertRows = statement(
  "test_rows",
  "insert into rows select * from unnest($1::text[], $2::bigint[])",
);
const countRows = statement<{ n: number }>("test_count", "select count(*) as n from rows");
const selectRows = statement<{ key: string; seq: number }>(
  "test_select",
  "select key, seq from rows",
);
const schema = "create table rows (key text, seq bigint check (seq >= 0), primary key (key, seq))";

interface Call {
  readonly key: string;
  readonly seq: number;
}

function writerOver(database: Parameters<typeof createGroupCommit>[0]["database"]) {
  const sizes: number[] = [];
  const writer = createGroupCommit<Call, number>({
    name: "test",
    database,
    log: silentLogger,
    orderKey: (call) => call.key,
    async write(tx, calls) {
      sizes.push(calls.length);
      const columns = [calls.map((call) => call.key), calls.map((call) => call.seq)];
      await tx.query(insertRows, columns);
      return calls.map((call) => call.seq);
    },
  });
  return { sizes, writer };
}

describe("group commit on postgres", () => {
  it("shares commits among many callers and fails only the calls that break a rule", async () => {
    const server = await startPostgres();
    const { database, drop } = await testDatabase(server, [postgresMigrations]);
    try {
      await database.execute(schema);
      const { sizes, writer } = writerOver(database);
      const calls = Array.from({ length: 1_000 }, (_, index) => ({
        key: `run-${index % 64}`,
        seq: index === 500 ? -1 : index,
      }));
      const outcomes = await Promise.allSettled(calls.map((call) => writer.submit(call)));
      const failed = outcomes.filter((outcome) => outcome.status === "rejected");
      assert.equal(failed.length, 1);
      assert.equal(outcomes[500]?.status, "rejected");
      assert.equal((await database.query(countRows)).rows[0]?.n, 999);
      assert.ok(sizes[0] !== undefined && sizes[0] > 100, "calls of one turn share a commit");
      await writer.stop();
    } finally {
      await drop();
      await server.stop();
    }
  });

  it("loses nothing that it answered when postgres is killed, and goes on afterwards", async () => {
    const server = await startPostgres({ own: true, fsync: true });
    const database = createDatabase({ url: server.url, poolMax: 4, log: silentLogger });
    try {
      await database.start();
      await database.execute(schema);
      const { writer } = writerOver(database);
      const answered: Call[] = [];
      const failures: unknown[] = [];
      const caller = async (key: string) => {
        for (let seq = 0; ; seq++) {
          try {
            await writer.submit({ key, seq });
            answered.push({ key, seq });
          } catch (error) {
            failures.push(error);
            return;
          }
        }
      };
      const callers = Array.from({ length: 50 }, (_, index) => caller(`run-${index}`));
      await eventually(() => answered.length > 1_000);
      await server.kill9();
      await Promise.all(callers);
      assert.ok(failures.every((error) => error instanceof UnavailableError));
      await server.restart();
      await eventually(() => database.isReady());
      const { rows } = await database.query(selectRows);
      const kept = new Set(rows.map((row) => `${row.key}/${row.seq}`));
      const lost = answered.filter((call) => !kept.has(`${call.key}/${call.seq}`));
      assert.deepEqual(lost, []);
      assert.equal(await writer.submit({ key: "later", seq: 1 }), 1);
      await writer.stop();
    } finally {
      await database.stop();
      await server.stop();
    }
  });
});
