import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type RpcServer, waitForServing } from "@tidemill/rpc";
import { envelope, rawGrpc, startLogServer } from "./log-server.ts";

const INVALID_ARGUMENT = "3";
const UNIMPLEMENTED = "12";
const RESOURCE_EXHAUSTED = "8";
const noMessage = Buffer.from([0x0a, 0xff]);

interface Case {
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Any of these; both ports need not agree on which. */
  readonly statuses: readonly string[];
}

const cases: readonly Case[] = [
  { name: "bytes that are no message", body: envelope(noMessage), statuses: [INVALID_ARGUMENT] },
  {
    name: "a deadline that is none",
    headers: { "grpc-timeout": "soon" },
    body: envelope(new Uint8Array()),
    statuses: [INVALID_ARGUMENT],
  },
  {
    name: "a compressed message that is not",
    headers: { "grpc-encoding": "gzip" },
    body: envelope(Buffer.from("no gzip"), 1),
    statuses: [INVALID_ARGUMENT, UNIMPLEMENTED],
  },
  {
    name: "an unknown compression",
    headers: { "grpc-encoding": "zip" },
    body: envelope(Buffer.from("x"), 1),
    statuses: [UNIMPLEMENTED],
  },
  {
    name: "an unknown method",
    headers: { ":path": "/tidemill.artifacts.v1.LogService/Nothing" },
    body: envelope(new Uint8Array()),
    statuses: [UNIMPLEMENTED],
  },
  { name: "no message", body: new Uint8Array(), statuses: [UNIMPLEMENTED, INVALID_ARGUMENT] },
  {
    name: "a message cut short",
    body: envelope(Buffer.from("x"), 0, 100),
    statuses: [UNIMPLEMENTED, INVALID_ARGUMENT],
  },
  {
    name: "a length beyond the limit",
    body: envelope(new Uint8Array(), 0, 0xffffffff),
    statuses: [RESOURCE_EXHAUSTED],
  },
  {
    name: "two messages for one",
    body: Buffer.concat([envelope(new Uint8Array()), envelope(new Uint8Array())]),
    statuses: [UNIMPLEMENTED, INVALID_ARGUMENT],
  },
];

describe("malformed gRPC", () => {
  let server: RpcServer;
  before(async () => {
    server = await startLogServer();
  });
  after(() => server.stop());

  for (const port of ["grpcPort", "httpPort"] as const) {
    for (const { name, headers = {}, body, statuses } of cases) {
      it(`of ${name} is the caller's fault on the ${port}`, async () => {
        const answer = await rawGrpc(server[port], headers, body);
        const status = answer["grpc-status"];
        assert.ok(typeof status === "string" && statuses.includes(status), JSON.stringify(answer));
      });
    }
    it(`leaves the ${port} serving`, () =>
      waitForServing(`127.0.0.1:${server[port]}`, { timeoutMs: 5_000 }));
  }

  it("is told apart from HTTP that is none of ours", async () => {
    const origin = `http://127.0.0.1:${server.httpPort}`;
    const post = (path: string, type: string, body: string) =>
      fetch(`${origin}${path}`, { method: "POST", headers: { "content-type": type }, body });
    const path = "/tidemill.artifacts.v1.LogService/AppendLog";
    assert.equal((await post(path, "application/json", "{")).status, 400);
    assert.equal((await post(path, "text/csv", "a,b")).status, 415);
    assert.equal((await fetch(`${origin}${path}`, { method: "DELETE" })).status, 405);
    assert.equal((await fetch(`${origin}/nothing`)).status, 404);
    const bidi = "/tidemill.orchestrator.v1.WorkerService/Work";
    assert.equal((await post(bidi, "application/connect+json", "")).status, 501);
  });
});
