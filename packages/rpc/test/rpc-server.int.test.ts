import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import {
  DeadlineError,
  StateError,
  UnauthenticatedError,
  UnavailableError,
} from "@tidemill/errors";
import { Health } from "@tidemill/proto/grpc/health/v1/health_pb.ts";
import { LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import {
  callerKey,
  createMeshClient,
  createRpcServer,
  type RpcServer,
  requestIdKey,
  waitForServing,
} from "@tidemill/rpc";
import { createLogger, createTelemetry, silentLogger } from "@tidemill/telemetry";
import { freePort } from "@tidemill/testing";
import { envelope, id, key, rawGrpc, startLogServer } from "./log-server.ts";

const ports = ["grpcPort", "httpPort"] as const;
type PortName = (typeof ports)[number];

function logClient(server: RpcServer, port: PortName, token?: string) {
  return createMeshClient(LogService, { address: `127.0.0.1:${server[port]}`, token });
}

describe("a listener", () => {
  it("refuses an address that others reach while nobody checks who calls", () => {
    const create = () =>
      createRpcServer({
        name: "logs",
        log: silentLogger,
        telemetry: createTelemetry({ service: "logs" }),
        host: "0.0.0.0",
        httpPort: 0,
        services: [],
      });
    assert.throws(
      create,
      (error) => error instanceof StateError && /TIDEMILL_HOST/.test(error.message),
    );
  });

  it("names a port that is taken", async () => {
    const server = await startLogServer();
    const second = startLogServer({ httpPort: server.httpPort });
    await assert.rejects(
      second,
      (error) => error instanceof StateError && /port/.test(error.message),
    );
    await server.stop();
  });

  it("stops at once although streams are open, and tells them to come back", async () => {
    const server = await startLogServer({
      handlers: {
        async *readLog(_request, { signal }) {
          yield { offset: 0n };
          await once(signal, "abort");
        },
      },
    });
    const reading = ports.map(async (port) => {
      const client = logClient(server, port);
      try {
        for await (const { offset } of client.readLog({ key })) {
          assert.equal(offset, 0n);
          if (port === "httpPort") await server.stop();
        }
      } finally {
        client.close();
      }
    });
    for (const result of await Promise.allSettled(reading)) {
      assert.equal(result.status, "rejected");
      assert.ok(result.reason instanceof UnavailableError, String(result.reason));
    }
  });
});

describe("authentication", () => {
  const options = {
    authenticate: ({ header }: { header(name: string): string | undefined }) => {
      if (header("authorization") === "Bearer right") return "ann";
      throw new UnauthenticatedError("BAD_TOKEN", "the token is missing or wrong");
    },
    http: () => false,
  };
  for (const port of ports) {
    it(`names the caller, and lets only health through without, on the ${port}`, async () => {
      const callers: string[] = [];
      const server = await startLogServer({
        ...options,
        handlers: {
          listLogs(_request, { values }) {
            callers.push(values.get(callerKey));
            return { logs: [] };
          },
        },
      });
      const right = logClient(server, port, "right");
      const wrong = logClient(server, port, "wrong");
      await right.listLogs({ runId: id });
      await assert.rejects(wrong.listLogs({ runId: id }), UnauthenticatedError);
      await assert.rejects(async () => {
        for await (const _ of wrong.readLog({ key })) assert.fail("a stream was answered");
      }, UnauthenticatedError);
      await waitForServing(`127.0.0.1:${server[port]}`, { timeoutMs: 5_000 });
      assert.deepEqual(callers, ["ann"]);
      right.close();
      wrong.close();
      await server.stop();
    });
  }
  it("guards /metrics and the service's own routes, not /healthz", async () => {
    const server = await startLogServer(options);
    const origin = `http://127.0.0.1:${server.httpPort}`;
    const statusOf = async (path: string) => (await fetch(`${origin}${path}`)).status;
    assert.deepEqual(
      [await statusOf("/healthz"), await statusOf("/metrics"), await statusOf("/v1/blobs/x")],
      [200, 401, 401],
    );
    await server.stop();
  });
});

describe("a call", () => {
  for (const port of ports) {
    it(`without a deadline gets the server's, on the ${port}`, async () => {
      const aborted: boolean[] = [];
      const server = await startLogServer({
        limits: { deadlineMs: 50 },
        handlers: {
          async sealLog(_request, { signal }) {
            await once(signal, "abort");
            aborted.push(signal.aborted);
            return {};
          },
        },
      });
      const answer = await rawGrpc(server[port], { ":path": sealLog }, envelope(sealRequest));
      assert.equal(answer["grpc-status"], "4");
      assert.deepEqual(aborted, [true]);
      await server.stop();
    });

    it(`passes its deadline and request id on to the handler, on the ${port}`, async () => {
      const seen: unknown[] = [];
      const server = await startLogServer({
        handlers: {
          listLogs(_request, context) {
            seen.push(context.values.get(requestIdKey), context.timeoutMs());
            return { logs: [] };
          },
        },
      });
      const client = logClient(server, port);
      const headers = { "x-request-id": "my-id" };
      await client.listLogs({ runId: id }, { timeoutMs: 5_000, headers });
      const [requestId, timeoutMs] = seen;
      assert.equal(requestId, "my-id");
      assert.ok(typeof timeoutMs === "number" && timeoutMs > 1_000 && timeoutMs <= 5_000);
      client.close();
      await server.stop();
    });

    it(`that fails by a bug is logged with its cause under its trace id, on the ${port}`, async () => {
      const lines: string[] = [];
      const destination = { write: (line: string) => lines.push(line) };
      const server = await startLogServer({
        log: createLogger({ service: "logs", level: "error", destination }),
        handlers: {
          listLogs: () => {
            throw new TypeError("secret");
          },
        },
      });
      const client = logClient(server, port);
      await assert.rejects(
        client.listLogs({ runId: id }),
        /internal error, trace id [0-9a-f]{32}$/,
      );
      const { trace_id: traceId, error, rpc } = JSON.parse(lines[0] ?? "{}");
      assert.match(traceId, /^[0-9a-f]{32}$/);
      assert.equal(error.message, "secret");
      assert.equal(rpc, "tidemill.artifacts.v1.LogService/ListLogs");
      client.close();
      await server.stop();
    });

    it(`streams both ways no faster than the other side reads, on the ${port}`, async () => {
      let produced = 0;
      const server = await startLogServer({
        async *work(requests, { signal }) {
          const reader = requests[Symbol.asyncIterator]();
          await reader.next();
          for (; produced < 100_000 && !signal.aborted; produced += 1) {
            yield { message: { case: "stop", value: { reason: "x".repeat(10_000) } } };
          }
        },
      });
      const client = createMeshClient(WorkerService, { address: `127.0.0.1:${server[port]}` });
      const heartbeats = async function* () {
        yield { message: { case: "heartbeat" as const, value: {} } };
      };
      let received = 0;
      for await (const _ of client.work(heartbeats())) {
        received += 1;
        if (received === 20) break;
      }
      assert.ok(produced < 20_000, `${produced} messages were produced for 20 that were read`);
      client.close();
      await server.stop();
    });
  }

  it("succeeds although the server was started after it, when it may be repeated", async () => {
    const grpcPort = await freePort();
    const client = createMeshClient(LogService, { address: `127.0.0.1:${grpcPort}` });
    const waiting = client.listLogs({ runId: id });
    const server = await startLogServer({ grpcPort });
    assert.deepEqual((await waiting).logs, []);
    client.close();
    await server.stop();
  });

  it("ends by its client's deadline when the server never answers", async () => {
    const server = await startLogServer({
      handlers: { listLogs: () => Promise.withResolvers<never>().promise },
      limits: { connections: { ...shortDrain } },
    });
    const client = logClient(server, "grpcPort");
    await assert.rejects(client.listLogs({ runId: id }, { timeoutMs: 50 }), DeadlineError);
    client.close();
    await server.stop();
  });
});

describe("health", () => {
  it("is watched as it changes", async () => {
    const server = await startLogServer();
    const client = createMeshClient(Health, { address: `127.0.0.1:${server.grpcPort}` });
    const seen: number[] = [];
    for await (const { status } of client.watch({})) {
      seen.push(status);
      if (seen.length === 1) server.setServing(false);
      if (seen.length === 2) server.setServing(true);
      if (seen.length === 3) break;
    }
    assert.deepEqual(seen, [1, 2, 1]);
    client.close();
    await server.stop();
  });
});

const sealLog = "/tidemill.artifacts.v1.LogService/SealLog";
const sealRequest = Buffer.concat([
  Buffer.from([0x0a, 86, 0x12, 36]),
  Buffer.from(id),
  Buffer.from([0x1a, 36]),
  Buffer.from(id),
  Buffer.from([0x20, 1, 0x2a, 6]),
  Buffer.from("stdout"),
]);
const shortDrain = {
  headerBytesMax: 32_768,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 20_000,
  idleMs: 60_000,
  ageMsMax: 60_000,
  drainMs: 100,
  headersMs: 10_000,
  sessionMemoryMib: 200,
};
