import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConflictError, QuotaError, StateError, UnavailableError } from "@tidemill/errors";
import { silentLogger } from "@tidemill/telemetry";
import type { Database } from "./database.ts";
import { createGroupCommit, type GroupCommitOptions } from "./group-commit.ts";
import type { Transaction } from "./queryable.ts";

interface Call {
  readonly key: string;
  readonly value: number;
}

/** A database whose commits end when the test says so. */
function heldDatabase() {
  const commits: { finish(error?: Error): void }[] = [];
  const database: Pick<Database, "transaction"> = {
    async transaction<Value>(work: (tx: Transaction) => Promise<Value>): Promise<Value> {
      const value = await work({} as Transaction);
      await new Promise<void>((resolve, reject) => {
        commits.push({ finish: (error) => (error === undefined ? resolve() : reject(error)) });
      });
      return value;
    },
  };
  return { commits, database };
}

function setup(options: Partial<GroupCommitOptions<Call, number>> = {}) {
  const { commits, database } = heldDatabase();
  const batches: Call[][] = [];
  const writer = createGroupCommit<Call, number>({
    name: "test",
    database,
    log: silentLogger,
    orderKey: (call) => call.key,
    async write(_, calls) {
      batches.push([...calls]);
      return calls.map((call) => call.value);
    },
    ...options,
  });
  const submit = (key: string, value: number) => writer.submit({ key, value });
  const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  const values = () => batches.map((batch) => batch.map((call) => call.value));
  return { commits, batches, writer, submit, turn, values };
}

describe("group commit", () => {
  it("puts what arrives while commits are flushing into the next one", async () => {
    const { commits, submit, turn, values } = setup({ inFlight: 1 });
    const first = submit("a", 1);
    await turn();
    const rest = [submit("b", 2), submit("c", 3), submit("d", 4)];
    await turn();
    assert.deepEqual(values(), [[1]]);
    commits[0]?.finish();
    assert.equal(await first, 1);
    await turn();
    assert.deepEqual(values(), [[1], [2, 3, 4]]);
    commits[1]?.finish();
    assert.deepEqual(await Promise.all(rest), [2, 3, 4]);
  });

  it("answers nobody before the commit", async () => {
    const { commits, submit, turn } = setup();
    let answered = false;
    const call = submit("a", 1).then(() => {
      answered = true;
    });
    await turn();
    assert.equal(answered, false);
    commits[0]?.finish();
    await call;
  });

  it("writes at once what fits, and as usual what does not or what was refused", async () => {
    const atOnce: number[][] = [];
    const { commits, submit, turn, values } = setup({
      atOnce: {
        fits: (call) => call.value !== 3,
        async write(_, calls) {
          atOnce.push(calls.map((call) => call.value));
          if (calls.some((call) => call.value === 2)) throw new ConflictError("TEST", "stale");
          return calls.map((call) => call.value);
        },
      },
    });
    for (const value of [1, 2, 3]) {
      const answer = submit("a", value);
      await turn();
      commits.at(-1)?.finish();
      assert.equal(await answer, value);
    }
    assert.deepEqual(atOnce, [[1], [2]]);
    assert.deepEqual(values(), [[2], [3]]);
  });

  it("tries nothing again when the connection was lost in a commit at once", async () => {
    const { submit, values } = setup({
      atOnce: {
        fits: () => true,
        write: () => Promise.reject(new UnavailableError("postgres", "gone")),
      },
    });
    await assert.rejects(submit("a", 1), UnavailableError);
    assert.deepEqual(values(), []);
  });

  it("keeps two commits in flight, and a key in only one of them", async () => {
    const { commits, submit, turn, values } = setup();
    const calls = [submit("a", 1)];
    await turn();
    calls.push(submit("a", 2), submit("b", 3));
    await turn();
    calls.push(submit("c", 4));
    await turn();
    assert.deepEqual(values(), [[1], [3]], "a waits for its key, c for a free commit");
    commits[1]?.finish();
    await turn();
    assert.deepEqual(values(), [[1], [3], [4]]);
    commits[0]?.finish();
    await turn();
    assert.deepEqual(values(), [[1], [3], [4], [2]]);
    for (const commit of commits) commit.finish();
    assert.deepEqual(await Promise.all(calls), [1, 2, 3, 4]);
  });

  it("holds its limits of calls and bytes, but lets one large call pass", async () => {
    const { commits, submit, turn, values } = setup({
      inFlight: 1,
      callsMax: 2,
      bytesMax: 100,
      sizeBytes: (call) => (call.value === 9 ? 1_000 : 10),
    });
    const calls = [9, 1, 2, 3].map((value) => submit(String(value), value));
    for (const expected of [[[9]], [[9], [1, 2]], [[9], [1, 2], [3]]]) {
      await turn();
      assert.deepEqual(values(), expected);
      commits.at(-1)?.finish();
    }
    await Promise.all(calls);
  });

  it("tries the calls of a failed commit one by one, and fails only those that fail again", async () => {
    const { commits, submit, turn, values } = setup({ inFlight: 1 });
    const calls = [submit("a", 1), submit("a", 2), submit("b", 3)];
    const outcomes = Promise.allSettled(calls);
    await turn();
    commits[0]?.finish(new Error("broken"));
    await turn();
    commits[1]?.finish();
    await turn();
    commits[2]?.finish(new Error("broken again"));
    await turn();
    commits[3]?.finish();
    const statuses = (await outcomes).map((outcome) => outcome.status);
    assert.deepEqual(statuses, ["fulfilled", "rejected", "fulfilled"]);
    assert.deepEqual(values(), [[1, 2, 3], [1], [2], [3]]);
  });

  it("fails all calls of a commit whose connection was lost, and no other", async () => {
    const { commits, submit, turn, values } = setup();
    const lost = Promise.allSettled([submit("a", 1), submit("b", 2)]);
    await turn();
    const other = submit("c", 3);
    await turn();
    commits[0]?.finish(new UnavailableError("postgres", "gone"));
    commits[1]?.finish();
    for (const outcome of await lost) {
      assert.equal(outcome.status, "rejected");
      assert.ok(outcome.status === "rejected" && outcome.reason instanceof UnavailableError);
    }
    assert.equal(await other, 3);
    assert.deepEqual(values(), [[1, 2], [3]], "nothing was tried again");
  });

  it("stops trying one by one when the connection is lost, as all would wait for their turn", async () => {
    const { commits, submit, turn, values } = setup({ inFlight: 1 });
    const outcomes = Promise.allSettled([submit("a", 1), submit("b", 2), submit("c", 3)]);
    await turn();
    commits[0]?.finish(new Error("broken"));
    await turn();
    commits[1]?.finish();
    await turn();
    commits[2]?.finish(new UnavailableError("postgres", "gone"));
    await turn();
    for (const commit of commits.slice(3)) commit.finish();
    const statuses = (await outcomes).map((outcome) => outcome.status);
    assert.deepEqual(statuses, ["fulfilled", "rejected", "rejected"]);
    assert.deepEqual(values(), [[1, 2, 3], [1], [2]]);
  });

  it("rejects a call alone when the writer answers it with an error", async () => {
    const { commits, submit, turn } = setup({
      async write(_, calls) {
        return calls.map((call) =>
          call.value === 2 ? new StateError("FENCED", "not yours") : call.value,
        );
      },
    });
    const outcomes = Promise.allSettled([submit("a", 1), submit("b", 2), submit("c", 3)]);
    await turn();
    commits[0]?.finish();
    const statuses = (await outcomes).map((outcome) => outcome.status);
    assert.deepEqual(statuses, ["fulfilled", "rejected", "fulfilled"]);
  });

  it("takes the waiting calls of a key along when it is chained and one fails", async () => {
    const { commits, submit, turn, values } = setup({ chained: true, inFlight: 1 });
    const first = Promise.allSettled([submit("a", 1)]);
    await turn();
    const waiting = Promise.allSettled([submit("a", 2), submit("b", 3)]);
    commits[0]?.finish(new UnavailableError("postgres", "gone"));
    await first;
    await turn();
    commits[1]?.finish();
    const [follower, other] = await waiting;
    assert.ok(follower?.status === "rejected" && follower.reason instanceof ConflictError);
    assert.equal(other?.status, "fulfilled");
    assert.deepEqual(values(), [[1], [3]]);
    const later = submit("a", 4);
    await turn();
    commits[2]?.finish();
    assert.equal(await later, 4, "what is submitted after the failure is on its own");
  });

  it("refuses more than its limit of waiting calls, by name", async () => {
    const { commits, submit, turn } = setup({ waitingMax: 2 });
    const calls = [submit("a", 1), submit("b", 2)];
    await assert.rejects(submit("c", 3), (error) => {
      return error instanceof QuotaError && error.reason === "GROUP_COMMIT_FULL";
    });
    await turn();
    commits[0]?.finish();
    await Promise.all(calls);
  });

  it("drains when stopped, and then takes no more", async () => {
    const { commits, submit, turn, writer } = setup({ inFlight: 1 });
    const calls = [submit("a", 1)];
    await turn();
    calls.push(submit("b", 2));
    const stopped = writer.stop();
    await assert.rejects(submit("c", 3), UnavailableError);
    commits[0]?.finish();
    await turn();
    commits[1]?.finish();
    await stopped;
    assert.deepEqual(await Promise.all(calls), [1, 2]);
    await writer.stop();
  });
});
