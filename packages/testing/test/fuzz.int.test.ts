import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type AppendLogRequest,
  LogService,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { bind, createRpcServer, type HttpRouteHandler, type RpcServer } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";
import { fuzzHttp, fuzzRpcs } from "../src/fuzz/index.ts";

const SEED = 20_261_125;
const key = { runId: "01890a5d-ac96-774b-bcce-b302099a8057" };

interface Plans {
  readonly append?: (request: AppendLogRequest) => { sizeBytes: bigint };
  readonly http?: HttpRouteHandler;
}

function logServer({ append, http }: Plans): RpcServer {
  return createRpcServer({
    name: "logs",
    log: silentLogger,
    telemetry: createTelemetry({ service: "logs" }),
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    http,
    services: [
      bind(LogService, {
        appendLog: append ?? (({ offset }) => ({ sizeBytes: offset })),
        listLogs: () => ({ logs: [] }),
        sealLog: () => ({ log: { key } }),
        async *readLog() {
          yield { offset: 1n };
        },
      }),
      bind(WorkerService, {
        async *work(requests) {
          for await (const { message } of requests) {
            yield { message: { case: "accepted", value: { attemptId: message.case ?? "" } } };
          }
        },
      }),
    ],
  });
}

const services = [LogService, WorkerService];
const paths = [
  "/tidemill.artifacts.v1.LogService/AppendLog",
  "/tidemill.artifacts.v1.LogService/ReadLog",
  "/tidemill.orchestrator.v1.WorkerService/Work",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/healthz",
  "/metrics",
  "/nothing/here",
];

describe("a server of this mesh under fuzz", () => {
  const server = logServer({});
  before(async () => {
    await server.start();
    server.setServing(true);
  });
  after(() => server.stop());

  for (const port of ["grpcPort", "httpPort"] as const) {
    it(`answers every RPC without a bug on its ${port}`, () =>
      fuzzRpcs({ address: `127.0.0.1:${server[port]}`, services, seed: SEED }));
  }
  it("answers every HTTP request without a bug", () =>
    fuzzHttp({
      address: `127.0.0.1:${server.httpPort}`,
      port: server.httpPort,
      paths,
      seed: SEED,
    }));
});

describe("the fuzz itself", () => {
  it("finds a bug planted in an RPC", async () => {
    const server = logServer({
      append({ offset, data }) {
        if (data.length > 3 && offset > 100n) throw new TypeError("planted");
        return { sizeBytes: offset };
      },
    });
    await server.start();
    server.setServing(true);
    const address = `127.0.0.1:${server.grpcPort}`;
    await assert.rejects(
      fuzzRpcs({ address, services: [LogService], seed: SEED }),
      (error: Error) => /INTERNAL/.test(String(error.cause)),
    );
    await server.stop();
  });

  it("finds a bug planted in an HTTP route", async () => {
    const server = logServer({
      http(request) {
        if (request.url?.includes("%zz") === true) decodeURIComponent(request.url);
        return false;
      },
    });
    await server.start();
    server.setServing(true);
    const { httpPort: port } = server;
    const attack = fuzzHttp({ address: `127.0.0.1:${port}`, port, paths: ["/x"], seed: SEED });
    await assert.rejects(attack, (error: Error) => /500/.test(String(error.cause)));
    await server.stop();
  });
});
