import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DescService, Message } from "@bufbuild/protobuf";
import { eventually } from "../eventually.ts";
import { bufCurlClients, listServices } from "./buf-curl.ts";
import { connectClients } from "./connect-client.ts";
import type { CallOutcome, ContractClient, SampleCall, ServerPorts } from "./contract-client.ts";
import { describeForeignHosts } from "./foreign-hosts.ts";
import { grpcJsClients } from "./grpc-js-client.ts";
import { callWithPython, type PythonReport, varint } from "./python-client.ts";

/** Calls that show what a service must do for every client. */
export interface ContractSamples {
  readonly succeeds: SampleCall;
  /** Refused with this code, in Connect's spelling, and this reason. */
  readonly fails: SampleCall & { readonly code: string; readonly reason: string };
  /** A server stream that ends by itself after at least one message. */
  readonly streams?: SampleCall;
  /** A server stream that sends at least one message and then stays open. */
  readonly stays?: SampleCall;
}

export interface ContractServer extends ServerPorts {
  readonly samples: ContractSamples;
  stop(): Promise<void>;
}

export interface ContractSuiteOptions {
  readonly name: string;
  /** Starts the service for this suite alone, SERVING. */
  start(): Promise<ContractServer>;
  readonly services: readonly DescService[];
  /** The service's own limit of one message; 4 MiB unless given. */
  readonly messageBytesMax?: number;
}

const MIB = 1024 * 1024;
const MESSAGE_BYTES_MAX = 4 * MIB;
const DEADLINE_MS = 300;
/** The number of the field that carries what makes a message too large. */
const UNKNOWN_FIELD = 2000;
const LENGTH_DELIMITED = 2;

/**
 * Drives a service from grpc-js, connect-node in every protocol, `buf curl` and Python's grpcio, on
 * both ports. To be called at the top level of a test file.
 */
export function runContractSuite(options: ContractSuiteOptions): void {
  describe(`contract of ${options.name}`, () => {
    const oversizeBytes = (options.messageBytesMax ?? MESSAGE_BYTES_MAX) + MIB;
    let server: ContractServer;
    let clients: readonly ContractClient[] = [];
    before(async () => {
      server = await options.start();
      const made = [grpcJsClients, connectClients, bufCurlClients].map((make) => make(server));
      clients = made.flat();
    });
    after(async () => {
      for (const client of clients) client.close();
      await server.stop();
    });

    const everyClient = (title: string, test: (client: ContractClient) => Promise<void>) => {
      it(title, async (context) => {
        for (const client of clients) await context.test(client.name, () => test(client));
      });
    };
    everyClient("a unary call succeeds", async (client) => {
      const { messages, error } = await client.call(server.samples.succeeds);
      assert.equal(error, undefined);
      assert.equal(messages.length, 1);
    });
    everyClient("an error keeps its code, message and reason", async (client) => {
      const { code, reason } = server.samples.fails;
      const { messages, error } = await client.call(server.samples.fails);
      assert.deepEqual(messages, []);
      assert.equal(error?.code, code);
      assert.equal(error.reason, reason);
      assert.notEqual(error.message, "");
    });
    everyClient("a server stream ends", async (client) => {
      if (server.samples.streams === undefined) return;
      const { messages, error } = await client.call(server.samples.streams);
      assert.equal(error, undefined);
      assert.ok(messages.length > 0);
    });
    everyClient("a message over the limit is refused", async (client) => {
      if (!client.binary) return;
      const { error } = await client.call(oversize(server.samples.succeeds, oversizeBytes));
      assert.equal(error?.code, "resource_exhausted");
    });
    everyClient("a deadline that passes ends the call", async (client) => {
      const { stays } = server.samples;
      if (stays === undefined || client.name.startsWith("buf")) return;
      const { error } = await client.call(stays, { timeoutMs: DEADLINE_MS });
      assert.equal(error?.code, "deadline_exceeded");
    });
    everyClient("a call that the client cancels ends on the server", async (client) => {
      const { stays } = server.samples;
      if (stays === undefined || client.name.startsWith("buf")) return;
      const { messages, error } = await client.call(stays, { cancelAfter: 1 });
      assert.equal(error?.code, "canceled");
      assert.equal(messages.length, 1);
      await eventually(async () => (await openCalls(server)) === 0);
    });
    it("reflection lists the services on both ports", async () => {
      for (const port of [server.grpcPort, server.httpPort]) {
        assertServices(await listServices(port), options.services);
      }
    });
    describeHealth(() => server);
    describeForeignHosts(() => server);
    for (const port of ["grpcPort", "httpPort"] as const) {
      describePython(port, () => server, { services: options.services, oversizeBytes });
    }
  });
}

function describeHealth(server: () => ServerPorts): void {
  it("GET /healthz and /metrics answer", async () => {
    const origin = `http://127.0.0.1:${server().httpPort}`;
    const health = await fetch(`${origin}/healthz`);
    assert.equal(health.status, 200);
    assert.deepEqual(await health.json(), { status: "SERVING" });
    const metrics = await (await fetch(`${origin}/metrics`)).text();
    assert.match(metrics, /^tidemill_rpc_server_duration_seconds_count\{/m);
  });
}

function describePython(
  port: "grpcPort" | "httpPort",
  server: () => ContractServer,
  { services, oversizeBytes }: { services: readonly DescService[]; oversizeBytes: number },
): void {
  describe(`python grpcio, ${port === "grpcPort" ? "gRPC port" : "edge port"}`, () => {
    let report: PythonReport;
    let succeeds: CallOutcome | undefined;
    let fails: CallOutcome | undefined;
    let tooLarge: CallOutcome | undefined;
    let streams: readonly CallOutcome[] = [];
    before(async () => {
      const { samples } = server();
      report = await callWithPython(server()[port], [
        { sample: samples.succeeds },
        { sample: samples.fails },
        { sample: samples.succeeds, unknownBytes: oversizeBytes },
        ...(samples.streams === undefined ? [] : [{ sample: samples.streams }]),
        ...(samples.stays === undefined
          ? []
          : [
              { sample: samples.stays, timeoutMs: DEADLINE_MS },
              { sample: samples.stays, cancelAfter: 1 },
            ]),
      ]);
      [succeeds, fails, tooLarge, ...streams] = report.outcomes;
    });
    it("a unary call succeeds", () => assert.equal(succeeds?.error, undefined));
    it("an error keeps its code and reason", () => {
      const { code, reason } = server().samples.fails;
      assert.equal(fails?.error?.code, code);
      assert.equal(fails.error.reason, reason);
    });
    it("a message over the limit is refused", () =>
      assert.equal(tooLarge?.error?.code, "resource_exhausted"));
    it("streams end, by themselves, by deadline and by cancel", () => {
      const { samples } = server();
      const expected = [
        ...(samples.streams === undefined ? [] : [undefined]),
        ...(samples.stays === undefined ? [] : ["deadline_exceeded", "canceled"]),
      ];
      assert.deepEqual(
        streams.map(({ error }) => error?.code),
        expected,
      );
    });
    it("health says SERVING and reflection lists the services", () => {
      assert.deepEqual(report.health, { watch: "SERVING", check: "SERVING" });
      assertServices(report.services, services);
    });
    it("a foreign authority is refused by name of the setting", () => {
      assert.equal(report.refused.error?.code, "permission_denied");
      assert.match(report.refused.error.message, /TIDEMILL_ALLOWED_HOSTS/);
    });
  });
}

function assertServices(listed: readonly string[], services: readonly DescService[]): void {
  const expected = services.map((service) => service.typeName);
  expected.push("grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection");
  assert.deepEqual(
    expected.filter((name) => !listed.includes(name)),
    [],
  );
}

function oversize({ method, request }: SampleCall, sizeBytes: number): SampleCall {
  const data = Buffer.concat([Buffer.from(varint(sizeBytes)), Buffer.alloc(sizeBytes)]);
  const unknown = { no: UNKNOWN_FIELD, wireType: LENGTH_DELIMITED, data };
  const large: Message = { ...request, $unknown: [unknown] };
  return { method, request: large };
}

async function openCalls({ httpPort }: ServerPorts): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  return Number(/^tidemill_rpc_server_open_calls(?:\{\})? (\d+)$/m.exec(text)?.[1]);
}
