import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "@tidemill/testing";
import fc from "fast-check";
import { startArtifacts, type TestArtifacts } from "./helpers.ts";

const CASES = 300;
const SEED = 20_261_125;
const LOWEST_SERVER_ERROR = 500;

interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const hex = fc.string({
  unit: fc.constantFrom(..."0123456789abcdef"),
  minLength: 64,
  maxLength: 64,
});
const visible = fc.string({ unit: fc.constantFrom(..."aZ09-_.:=/,+*\"'%;~ "), maxLength: 40 });
const segment = fc.oneof(hex, visible, fc.webSegment(), fc.constant(".."), fc.constant("%00"));
const path = fc.oneof(
  { weight: 4, arbitrary: segment.map((text) => `/v1/blobs/${text.replaceAll(" ", "")}`) },
  { weight: 2, arbitrary: fc.constant("/v1/blobs") },
  {
    weight: 2,
    arbitrary: visible.map((text) => `/v1/blobs?namespace=${encodeURIComponent(text)}`),
  },
  { weight: 1, arbitrary: visible.map((text) => `/${text.replaceAll(" ", "")}`) },
);
const headers = fc.record(
  {
    range: fc.oneof(
      visible,
      visible.map((text) => `bytes=${text}`),
      fc.constant("bytes=-0"),
    ),
    "x-tidemill-namespace": visible,
    "x-tidemill-sha256": fc.oneof(hex, visible),
    "content-digest": fc.oneof(
      visible,
      visible.map((text) => `sha-256=:${text}:`),
    ),
    "content-encoding": visible,
    "content-type": visible,
    "if-none-match": visible,
    "if-range": visible,
  },
  { requiredKeys: [] },
);
const attempt: fc.Arbitrary<Attempt> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"),
  path,
  headers: headers.map((found) => ({ ...found })),
  body: fc.uint8Array({ maxLength: 2000 }),
});

describe("whatever is sent to the blob routes", () => {
  let stack: TestArtifacts;
  before(async () => {
    stack = await startArtifacts();
  });
  after(() => stack.stop());

  it(`is never a server error, over ${CASES} requests`, async () => {
    await fc.assert(
      fc.asyncProperty(attempt, async (sent) => {
        const { status, body } = await send(stack.service.httpPort, sent);
        assert.ok(status < LOWEST_SERVER_ERROR, `${status} ${body}`);
        if (status === 201) {
          const digest = createHash("sha256").update(sent.body).digest("hex");
          assert.equal(JSON.parse(body).digest, digest);
        }
      }),
      { numRuns: CASES, seed: SEED },
    );
    const left = () => readdir(join(stack.config.directory, "tmp"));
    await eventually(async () => (await left()).length === 0);
  });
});

async function send(port: number, sent: Attempt): Promise<{ status: number; body: string }> {
  const { method, path: target, headers: fields, body } = sent;
  return await new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method, path: target, headers: fields };
    const request = httpRequest(options, async (response) => {
      let text = "";
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode ?? 0, body: text });
    });
    request.on("error", reject);
    const hasBody = method !== "GET" && method !== "HEAD";
    request.end(hasBody ? body : undefined);
  });
}
