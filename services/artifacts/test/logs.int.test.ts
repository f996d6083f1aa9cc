import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { InvalidError, NotFoundError, OutOfRangeError, StateError } from "@tidemill/errors";
import { newLogKey, startArtifacts, type TestArtifacts } from "./helpers.ts";

type Key = ReturnType<typeof newLogKey>;

describe("the log store", () => {
  let stack: TestArtifacts;
  before(async () => {
    stack = await startArtifacts();
  });
  after(() => stack.stop());

  async function append(key: Key, offset: number, text: string | Uint8Array) {
    const data = typeof text === "string" ? Buffer.from(text) : text;
    const { sizeBytes } = await stack.logs.appendLog({ key, offset: BigInt(offset), data });
    return Number(sizeBytes);
  }

  async function read(
    key: Key,
    options: { offset?: number; tail?: number; follow?: boolean } = {},
  ) {
    const parts: Uint8Array[] = [];
    const request = {
      key,
      offset: BigInt(options.offset ?? 0),
      tailBytes: BigInt(options.tail ?? 0),
      follow: options.follow ?? false,
    };
    for await (const part of stack.logs.readLog(request)) parts.push(part.data);
    return Buffer.concat(parts).toString();
  }

  it("appends, reads from anywhere and from the end", async () => {
    const key = newLogKey();
    assert.equal(await append(key, 0, "hello "), 6);
    assert.equal(await append(key, 6, "world"), 11);
    assert.equal(await read(key), "hello world");
    assert.equal(await read(key, { offset: 6 }), "world");
    assert.equal(await read(key, { tail: 3 }), "rld");
    assert.equal(await read(key, { tail: 300 }), "hello world");
    assert.equal(await read(key, { offset: 11 }), "");
    await assert.rejects(read(key, { offset: 12 }), OutOfRangeError);
  });

  it("accepts the same bytes again, wholly or in part, and refuses others", async () => {
    const key = newLogKey();
    await append(key, 0, "abcdef");
    assert.equal(await append(key, 0, "abcdef"), 6);
    assert.equal(await append(key, 3, "defghi"), 9);
    assert.equal(await read(key), "abcdefghi");
    await assert.rejects(append(key, 3, "DEF"), hasReason(StateError, "LOG_CONTENT_DIFFERS"));
    await assert.rejects(append(key, 10, "x"), (error) => {
      assert.ok(error instanceof OutOfRangeError);
      assert.equal(error.metadata.size_bytes, "9");
      return true;
    });
    assert.equal(await read(key), "abcdefghi");
  });

  it("seals a log into a blob, once and again, and reads it from there", async () => {
    const key = newLogKey();
    const bytes = randomBytes(700_000).toString("hex");
    for (let at = 0; at < bytes.length; at += 500_000) {
      await append(key, at, bytes.slice(at, at + 500_000));
    }
    const sizeBytes = BigInt(bytes.length);
    const short = stack.logs.sealLog({ key, sizeBytes: sizeBytes - 1n });
    await assert.rejects(short, hasReason(StateError, "LOG_SIZE_DIFFERS"));
    const { log } = await stack.logs.sealLog({ key, sizeBytes });
    assert.equal(log?.sealed, true);
    assert.deepEqual((await stack.logs.sealLog({ key, sizeBytes })).log, log);
    assert.equal(await read(key), bytes);
    assert.equal(await read(key, { tail: 10 }), bytes.slice(-10));
    const blob = await fetch(`${stack.origin}/v1/blobs/${log.blobDigest}`);
    assert.equal(await blob.text(), bytes);
    assert.equal(await append(key, 0, bytes.slice(0, 100)), bytes.length);
    const after = append(key, bytes.length, "more");
    await assert.rejects(after, hasReason(StateError, "LOG_SEALED"));
    await assert.rejects(append(key, 0, "zz"), hasReason(StateError, "LOG_CONTENT_DIFFERS"));
    const left = await readdir(join(stack.config.directory, "logs", "default"));
    assert.ok(!left.includes(key.runId), "the file and its directory are gone");
  });

  it("seals a log that nothing was written to", async () => {
    const key = newLogKey();
    const { log } = await stack.logs.sealLog({ key, sizeBytes: 0n });
    assert.equal(log?.sizeBytes, 0n);
    assert.equal(await read(key), "");
  });

  it("follows a log from before its first byte to its seal", async () => {
    const key = newLogKey();
    const following = read(key, { follow: true });
    let expected = "";
    for (let index = 0; index < 20; index += 1) {
      const line = `line ${index}\n`;
      await append(key, expected.length, line);
      expected += line;
    }
    await stack.logs.sealLog({ key, sizeBytes: BigInt(expected.length) });
    assert.equal(await following, expected);
  });

  it("lets go of a follower that leaves", async () => {
    const key = newLogKey();
    await append(key, 0, "first");
    const leaving = new AbortController();
    const parts = stack.logs.readLog({ key, follow: true }, { signal: leaving.signal });
    for await (const part of parts) {
      assert.equal(Buffer.from(part.data).toString(), "first");
      break;
    }
    leaving.abort();
    assert.equal(await append(key, 5, " second"), 12);
  });

  it("keeps every byte of 64 tasks that print at the same time", async () => {
    const runId = newLogKey().runId;
    const logs = Array.from({ length: 64 }, (_, index) =>
      newLogKey({ runId, taskId: `t${index}` }),
    );
    await Promise.all(
      logs.map(async (key) => {
        for (let at = 0; at < 10; at += 1)
          await append(key, at * 6, `${key.taskId}-------`.slice(0, 6));
      }),
    );
    for (const key of logs) {
      assert.equal(await read(key), `${key.taskId}-------`.slice(0, 6).repeat(10));
    }
    const found: string[] = [];
    let pageToken = "";
    do {
      const page = await stack.logs.listLogs({ runId, pageSize: 20, pageToken });
      found.push(...page.logs.map((log) => `${log.key?.taskId} ${log.sizeBytes}`));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    const expected = logs.map((key) => `${key.taskId} 60`);
    assert.deepEqual(found.toSorted(), expected.toSorted());
    const one = await stack.logs.listLogs({ runId, taskId: "t7" });
    assert.equal(one.logs.length, 1);
  });

  it("takes appends of one log that were sent together, in order of their offsets or not at all", async () => {
    const key = newLogKey();
    const sent = [0, 3, 6, 9].map((offset) => append(key, offset, "abc"));
    const results = await Promise.allSettled(sent);
    const kept = results.filter((result) => result.status === "fulfilled").length;
    assert.equal((await read(key)).length, kept * 3);
  });

  it("refuses more than a log may have, and keeps what came before", async () => {
    const key = newLogKey();
    const MIB = 1024 * 1024;
    const piece = Buffer.alloc(MIB, "x");
    for (let at = 0; at < stack.config.logBytesMax; at += MIB) await append(key, at, piece);
    const past = append(key, stack.config.logBytesMax, "y");
    await assert.rejects(past, hasReason(StateError, "LOG_FULL"));
    const { log } = await stack.logs.sealLog({ key, sizeBytes: BigInt(stack.config.logBytesMax) });
    assert.equal(log?.sealed, true);
  });

  it("goes on where it was after a restart", async () => {
    const key = newLogKey();
    await append(key, 0, "before ");
    await stack.restart();
    assert.equal(await append(key, 7, "after"), 12);
    assert.equal(await read(key), "before after");
  });

  it("keeps namespaces apart and refuses keys that are none", async () => {
    const key = newLogKey();
    await append(key, 0, "mine");
    await assert.rejects(read({ ...key, namespace: "other" }), NotFoundError);
    await assert.rejects(read(newLogKey()), NotFoundError);
    const future = { ...key, runId: "ffffffff-ffff-7fff-bfff-ffffffffffff" };
    await assert.rejects(append(future, 0, "x"), hasReason(InvalidError, "BAD_RUN_ID"));
    await assert.rejects(append({ ...key, runId: "run-1" }, 0, "x"), InvalidError);
    await assert.rejects(append({ ...key, stream: "other" }, 0, "x"), InvalidError);
    await assert.rejects(append({ ...key, taskId: "a\0b" }, 0, "x"), InvalidError);
  });

  it("takes a task id that would be no file name", async () => {
    const key = newLogKey({ taskId: "../../文/".repeat(10) });
    await append(key, 0, "fine");
    assert.equal(await read(key), "fine");
  });
});

function hasReason(kind: new (...args: never[]) => Error, reason: string) {
  return (error: unknown) => error instanceof kind && "reason" in error && error.reason === reason;
}
