import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "@tidemill/testing";
import { putBlob, startArtifacts, type TestArtifacts } from "./helpers.ts";

const CHUNK = 4 * 1024 * 1024;

describe("blobs over HTTP", () => {
  let stack: TestArtifacts;
  before(async () => {
    stack = await startArtifacts();
  });
  after(() => stack.stop());

  const url = (digest: string) => `${stack.origin}/v1/blobs/${digest}`;
  const temporary = () => readdir(join(stack.config.directory, "tmp"));

  it("keeps a blob under the digest that its sender names", async () => {
    const bytes = randomBytes(9_000_000);
    const digest = sha256(bytes);
    const put = await fetch(url(digest), { method: "PUT", body: bytes });
    assert.equal(put.status, 201);
    assert.deepEqual(await put.json(), { digest, sizeBytes: bytes.length });
    const got = await fetch(url(digest));
    assert.equal(got.status, 200);
    assert.equal(got.headers.get("content-length"), String(bytes.length));
    assert.equal(got.headers.get("etag"), `"${digest}"`);
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
  });

  it("computes the digest when it is not named", async () => {
    const bytes = randomBytes(1000);
    assert.deepEqual(await putBlob(stack.origin, bytes), {
      digest: sha256(bytes),
      sizeBytes: 1000,
    });
    const empty = await putBlob(stack.origin, new Uint8Array());
    assert.equal(empty.digest, sha256(Buffer.alloc(0)));
    assert.equal((await (await fetch(url(empty.digest))).arrayBuffer()).byteLength, 0);
  });

  it("answers ranges, and says how much there is when one is past the end", async () => {
    const bytes = randomBytes(2 * CHUNK + 10);
    const { digest } = await putBlob(stack.origin, bytes);
    const cases: [string, number, number][] = [
      ["bytes=0-0", 0, 1],
      [`bytes=${CHUNK - 2}-${CHUNK + 1}`, CHUNK - 2, CHUNK + 2],
      [`bytes=${2 * CHUNK}-`, 2 * CHUNK, bytes.length],
      ["bytes=-3", bytes.length - 3, bytes.length],
    ];
    for (const [range, start, end] of cases) {
      const part = await fetch(url(digest), { headers: { range } });
      assert.equal(part.status, 206, range);
      const wanted = `bytes ${start}-${end - 1}/${bytes.length}`;
      assert.equal(part.headers.get("content-range"), wanted);
      assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(start, end)), range);
    }
    const past = await fetch(url(digest), { headers: { range: `bytes=${bytes.length}-` } });
    assert.equal(past.status, 416);
    assert.equal(past.headers.get("content-range"), `bytes */${bytes.length}`);
    assert.equal((await bodyOf(past)).reason, "RANGE_PAST_END");
    const several = await fetch(url(digest), { headers: { range: "bytes=0-1,5-6" } });
    assert.equal((await bodyOf(several)).reason, "BAD_RANGE");
  });

  it("answers HEAD with the size, and 304 to who has it already", async () => {
    const { digest } = await putBlob(stack.origin, randomBytes(77));
    const head = await fetch(url(digest), { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "77");
    const again = await fetch(url(digest), { headers: { "if-none-match": `"${digest}"` } });
    assert.equal(again.status, 304);
  });

  it("refuses bytes that do not match, from wherever the digest came", async () => {
    const bytes = randomBytes(3_000_000);
    const wrong = "0".repeat(64);
    const base64 = Buffer.from(wrong, "hex").toString("base64");
    const requests: [string, string, Record<string, string>][] = [
      [url(wrong), "PUT", {}],
      [`${stack.origin}/v1/blobs`, "POST", { "x-tidemill-sha256": wrong }],
      [`${stack.origin}/v1/blobs`, "POST", { "content-digest": `sha-256=:${base64}:` }],
    ];
    for (const [target, method, headers] of requests) {
      const refused = await fetch(target, { method, body: bytes, headers });
      assert.equal(refused.status, 400);
      const body = await bodyOf(refused);
      assert.deepEqual([body.code, body.reason], ["invalid_argument", "DIGEST_MISMATCH"]);
    }
    assert.equal((await fetch(url(wrong))).status, 404);
    assert.equal((await fetch(url(sha256(bytes)))).status, 404);
    assert.deepEqual(await temporary(), []);
  });

  it("shows a blob to its own namespace only", async () => {
    const bytes = randomBytes(100);
    const { digest } = await putBlob(stack.origin, bytes, "team-a");
    assert.equal((await fetch(url(digest))).status, 404);
    assert.equal((await fetch(`${url(digest)}?namespace=team-a`)).status, 200);
    await putBlob(stack.origin, bytes, "default");
    assert.equal((await fetch(url(digest))).status, 200);
  });

  it("gives each kind of bad request its own answer and goes on", async () => {
    const valid = "a".repeat(64);
    const cases: [string, string, Record<string, string>, number, string][] = [
      ["GET", "/v1/blobs/xyz", {}, 400, "BAD_DIGEST"],
      ["GET", `/v1/blobs/${valid}`, {}, 404, "NOT_FOUND"],
      ["DELETE", `/v1/blobs/${valid}`, {}, 405, "METHOD_NOT_ALLOWED"],
      ["GET", "/v1/blobs", {}, 405, "METHOD_NOT_ALLOWED"],
      ["GET", `/v1/blobs/${valid}`, { "x-tidemill-namespace": "No_Label" }, 400, "BAD_NAMESPACE"],
      ["GET", `/v1/blobs/${valid}?namespace=%00`, {}, 400, "BAD_NAMESPACE"],
      ["POST", "/v1/blobs", { "content-encoding": "gzip" }, 400, "BAD_ENCODING"],
      ["POST", "/v1/blobs", { "x-tidemill-sha256": "short" }, 400, "BAD_DIGEST"],
      ["POST", "/v1/blobs", { "content-digest": "nonsense" }, 400, "BAD_DIGEST"],
    ];
    for (const [method, path, headers, status, reason] of cases) {
      const response = await fetch(`${stack.origin}${path}`, { method, headers });
      const { reason: found } = await bodyOf(response);
      assert.deepEqual([response.status, found], [status, reason], `${method} ${path}`);
    }
  });

  it("refuses what is too large before it comes, and while it comes", async () => {
    const announced = await fetch(`${stack.origin}/v1/blobs`, {
      method: "POST",
      body: Buffer.alloc(stack.config.blobBytesMax + 1),
    });
    assert.equal(announced.status, 413);
    assert.equal((await bodyOf(announced)).reason, "BLOB_TOO_LARGE");
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const target = new URL("/v1/blobs", stack.origin);
      const request = httpRequest(target, { method: "POST" }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on("error", reject);
      const piece = Buffer.alloc(1024 * 1024);
      for (let sent = 0; sent <= stack.config.blobBytesMax; sent += piece.length) {
        request.write(piece);
      }
      request.end();
    });
    assert.equal(status, 413);
    await eventually(async () => (await temporary()).length === 0);
  });

  it("leaves nothing of an upload that is cut off", async () => {
    const socket = connectSocket(stack.service.httpPort, "127.0.0.1");
    socket.write("POST /v1/blobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000000\r\n\r\n");
    socket.write(randomBytes(5_000_000));
    await eventually(async () => (await temporary()).length === 1);
    socket.destroy();
    await eventually(async () => (await temporary()).length === 0);
  });

  it("keeps a connection in step after a refusal", async () => {
    const answers = await rawExchange(stack.service.httpPort, [
      "POST /v1/blobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello",
      `GET /v1/blobs/${"b".repeat(64)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      `PUT /v1/blobs/${"c".repeat(64)} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc`,
      "POST /v1/blobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nok",
    ]);
    assert.deepEqual(answers, [201, 404, 400, 201]);
  });

  it("takes the same blob from many senders at once", async () => {
    const bytes = randomBytes(5_000_000);
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => putBlob(stack.origin, bytes)),
    );
    assert.deepEqual([...new Set(answers.map((one) => one.digest))], [sha256(bytes)]);
    const got = await fetch(url(sha256(bytes)));
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
  });

  it("never sends damaged bytes as good ones", async () => {
    const bytes = randomBytes(3 * CHUNK);
    const { digest } = await putBlob(stack.origin, bytes);
    const path = join(
      stack.config.directory,
      "blobs",
      digest.slice(0, 2),
      digest.slice(2, 4),
      digest,
    );
    const file = await open(path, "r+");
    await file.write(Buffer.from([(bytes[CHUNK + 5] ?? 0) ^ 1]), 0, 1, CHUNK + 5);
    await file.close();
    const good = await fetch(url(digest), { headers: { range: `bytes=0-${CHUNK - 1}` } });
    assert.ok(Buffer.from(await good.arrayBuffer()).equals(bytes.subarray(0, CHUNK)));
    const bad = await fetch(url(digest), { headers: { range: `bytes=${CHUNK}-${CHUNK}` } });
    assert.equal(bad.status, 500);
    assert.deepEqual((await bodyOf(bad)).code, "data_loss");
    const whole = await fetch(url(digest));
    await assert.rejects(whole.arrayBuffer(), "the connection ends short");
    await putBlob(stack.origin, bytes);
    const mended = await fetch(url(digest));
    assert.ok(Buffer.from(await mended.arrayBuffer()).equals(bytes));
  });

  it("finds its blobs again after a restart", async () => {
    const bytes = randomBytes(100_000);
    const { digest } = await putBlob(stack.origin, bytes);
    await stack.restart();
    const got = await fetch(url(digest));
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
  });
});

interface ErrorBody {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
}

async function bodyOf(response: Response): Promise<ErrorBody> {
  return (await response.json()) as ErrorBody;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Sends requests on one connection, each after the answer to the one before. */
async function rawExchange(port: number, requests: readonly string[]): Promise<number[]> {
  const socket = connectSocket(port, "127.0.0.1");
  const answers: number[] = [];
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  for (const request of requests) {
    text = "";
    socket.write(request);
    const status = await eventually(() => {
      const match = /^HTTP\/1\.1 (\d{3})[\s\S]*\r\n\r\n\{.*\}\n/.exec(text);
      return match === null ? undefined : Number(match[1]);
    });
    answers.push(status);
  }
  socket.destroy();
  return answers;
}
