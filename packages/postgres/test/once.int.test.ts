import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { InvalidError, StateError } from "@tidemill/errors";
import {
  type Codec,
  type Database,
  IDEMPOTENCY_RETENTION_MS,
  type IdempotencyKey,
  once,
  postgresMigrations,
  statement,
  sweepIdempotencyKeys,
} from "@tidemill/postgres";
import { startPostgres, testDatabase } from "@tidemill/testing";

const text: Codec<string> = {
  encode: (answer) => Buffer.from(answer),
  decode: (bytes) => Buffer.from(bytes).toString(),
};

const age = statement(
  "test_age",
  "update idempotency_keys set created_at = $2 where request_id = $1",
);

describe("a call with a request id", () => {
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

  const keyOf = (requestId: string, digest = "same"): IdempotencyKey => ({
    namespace: "default",
    method: "tidemill.test.v1.TestService/Create",
    caller: "anonymous",
    requestId,
    digest: Buffer.from(digest),
  });
  const call = (key: IdempotencyKey | undefined, work: () => Promise<string>) =>
    database.transaction((tx) => once(tx, key, text, work));
  const answering = (answer: string) => async () => answer;

  it("answers a repeat with the first answer and does nothing again", async () => {
    assert.equal(await call(keyOf("a"), answering("first")), "first");
    assert.equal(await call(keyOf("a"), answering("second")), "first");
  });

  it("keeps callers, methods and namespaces apart", async () => {
    await call(keyOf("b"), answering("first"));
    for (const other of [{ caller: "x" }, { method: "y" }, { namespace: "z" }]) {
      assert.equal(await call({ ...keyOf("b"), ...other }, answering("own")), "own");
    }
  });

  it("refuses a different request under the same id", async () => {
    await call(keyOf("c"), answering("first"));
    await assert.rejects(call(keyOf("c", "other"), answering("second")), (error) => {
      return error instanceof InvalidError && error.reason === "REQUEST_ID_REUSED";
    });
  });

  it("does not remember a failure", async () => {
    const failing = async () => {
      throw new StateError("TEST", "not now");
    };
    await assert.rejects(call(keyOf("d"), failing), StateError);
    assert.equal(await call(keyOf("d"), answering("later")), "later");
  });

  it("makes a duplicate that comes meanwhile wait for the first", async () => {
    const order: string[] = [];
    const held = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const first = call(keyOf("e"), async () => {
      entered.resolve();
      await held.promise;
      order.push("first");
      return "first";
    });
    await entered.promise;
    const second = call(keyOf("e"), async () => {
      order.push("second");
      return "second";
    });
    held.resolve();
    assert.deepEqual(await Promise.all([first, second]), ["first", "first"]);
    assert.deepEqual(order, ["first"]);
  });

  it("lets the duplicate go ahead when the first fails", async () => {
    const held = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const first = call(keyOf("f"), async () => {
      entered.resolve();
      await held.promise;
      throw new StateError("TEST", "no");
    });
    await entered.promise;
    const second = call(keyOf("f"), answering("second"));
    held.resolve();
    await assert.rejects(first, StateError);
    assert.equal(await second, "second");
  });

  it("just runs without a key", async () => {
    assert.equal(await call(undefined, answering("1")), "1");
    assert.equal(await call(undefined, answering("2")), "2");
  });

  it("is forgotten after the retention, not before", async () => {
    const nowMs = Date.now();
    for (const [id, ageMs] of [
      ["g", 0],
      ["h", IDEMPOTENCY_RETENTION_MS + 1_000],
    ] as const) {
      await call(keyOf(id), answering("old"));
      await database.query(age, [id, new Date(nowMs - ageMs)]);
    }
    assert.equal(await sweepIdempotencyKeys(database, nowMs), 1);
    assert.equal(await call(keyOf("g"), answering("new")), "old");
    assert.equal(await call(keyOf("h"), answering("new")), "new");
  });
});
