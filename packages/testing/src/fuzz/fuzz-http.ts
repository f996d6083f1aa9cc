import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { RUNS_MIN } from "./fuzz-rpcs.ts";
import { type SurvivalOptions, survives } from "./survival.ts";

export interface FuzzHttpOptions extends SurvivalOptions {
  readonly port: number;
  /** Paths to attack: RPCs by their path, and the service's own routes. */
  readonly paths: readonly string[];
  /** Cases per path; never fewer than RUNS_MIN. */
  readonly runs?: number;
  readonly seed?: number;
}

interface HttpCase {
  readonly method: string;
  readonly suffix: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"];
const contentTypes = [
  "application/json",
  "application/proto",
  "application/grpc",
  "application/grpc+proto",
  "application/grpc-web+proto",
  "application/grpc-web-text",
  "application/connect+json",
  "application/connect+proto",
  "application/octet-stream",
  "text/plain; charset=utf-7",
  "multipart/form-data; boundary=x",
  "",
];
const UNSUPPORTED = 501;
const ANSWER_MS_MAX = 5_000;
const RAW_RUNS = 100;
const RAW_MS_MAX = 500;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/**
 * Requests that no client would send, over HTTP/1.1, and noise on the port itself. Fails on any 5xx
 * but 501 (a feature named as unsupported), a dead server or memory without bound.
 */
export async function fuzzHttp(options: FuzzHttpOptions): Promise<void> {
  const { port, paths, seed } = options;
  const numRuns = Math.max(RUNS_MIN, options.runs ?? RUNS_MIN);
  const settings = seed === undefined ? {} : { seed };
  await survives(options, async () => {
    for (const path of paths) {
      const property = fc.asyncProperty(arbitraryCase, async (attack) => {
        const status = await send(port, path, attack);
        assert.ok(status < 500 || status === UNSUPPORTED, `${attack.method} ${path}: ${status}`);
      });
      await fc.assert(property, { ...settings, numRuns });
    }
    const noise = fc.asyncProperty(arbitraryNoise, (bytes) => sendRaw(port, bytes));
    await fc.assert(noise, { ...settings, numRuns: RAW_RUNS });
  });
}

const headerNames = [
  "accept-encoding",
  "content-encoding",
  "connect-content-encoding",
  "connect-protocol-version",
  "connect-accept-encoding",
  "grpc-encoding",
  "grpc-accept-encoding",
  "te",
  "range",
  "if-none-match",
  "x-request-id",
  "traceparent",
  "authorization",
  "expect",
];
const headerValues = fc.oneof(
  fc.constantFrom("gzip", "identity", "1", "0", "bytes=0-", "bytes=9-1", "bytes=-1", "trailers"),
  fc.constantFrom("00-0-0-0", "Bearer x", "*", "x".repeat(5_000), '"'),
  fc.string({ unit: fc.constantFrom(..."abc019;,=/- "), maxLength: 40 }).map((text) => text.trim()),
);

const arbitraryCase: fc.Arbitrary<HttpCase> = fc.record({
  method: fc.oneof(fc.constant("POST"), fc.constantFrom(...methods)),
  suffix: fc.oneof(
    { weight: 6, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constantFrom("/", "?", "?message={&encoding=json&connect=v1") },
    { weight: 1, arbitrary: fc.constantFrom("/../..", "%00", "%2e%2e%2f", "//", "?x=%zz") },
  ),
  headers: fc
    .tuple(
      fc.constantFrom(...contentTypes),
      fc.dictionary(fc.constantFrom(...headerNames), headerValues, { maxKeys: 3 }),
    )
    .map(([type, others]) => (type === "" ? others : { ...others, "content-type": type })),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.json().map((text) => Buffer.from(text)),
    // An envelope of Connect and gRPC: flags and a length that may be wrong.
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
      .map(([flags, length]) => envelope(flags, length)),
    fc.constantFrom(envelope(0, 0), envelope(1, 4), Buffer.from("{"), Buffer.alloc(300_000)),
  ),
});

function envelope(flags: number, length: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(flags, 0);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** The status, or 0 when the server closed the connection without one, as for a broken request. */
function send(
  port: number,
  path: string,
  { method, suffix, headers, body }: HttpCase,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const target = { host: "127.0.0.1", port, method, path: `${path}${suffix}`, headers };
    const request = httpRequest({ ...target, agent: false }, (response) => {
      response.resume();
      response.on("close", () => resolve(response.statusCode ?? 0));
    });
    request.setTimeout(ANSWER_MS_MAX, () => {
      reject(new Error(`no answer to ${method} ${path}${suffix} within ${ANSWER_MS_MAX} ms`));
      request.destroy();
    });
    request.on("error", () => resolve(0));
    request.end(method === "GET" || method === "HEAD" ? undefined : body);
  });
}

/** Noise, noise after the preface of HTTP/2, and requests that are none. */
const arbitraryNoise: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom("", "P", "PRI", PREFACE, "GET / HTTP/1.1\r\n", "GET  HTTP/9\r\n\r\n", "\r\n"),
    fc.uint8Array({ maxLength: 400 }),
  )
  .map(([start, rest]) => Buffer.concat([Buffer.from(start), rest]));

/** Sends bytes and waits until the server has closed, or for a while where it need not. */
function sendRaw(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.setTimeout(RAW_MS_MAX, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
  });
}
