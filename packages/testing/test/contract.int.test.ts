import { create } from "@bufbuild/protobuf";
import { NotFoundError } from "@tidemill/errors";
import {
  AppendLogRequestSchema,
  LogService,
  ReadLogRequestSchema,
  SealLogRequestSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { bind, createRpcServer } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";
import { type ContractServer, runContractSuite } from "../src/contract/index.ts";

const id = "01890a5d-ac96-774b-bcce-b302099a8057";
const key = { runId: id, taskId: id, attempt: 1, stream: "stdout" };

/** A log service without a store: two lines, and with `follow` a stream that stays. */
const logService = bind(LogService, {
  appendLog: ({ offset, data }) => ({ sizeBytes: offset + BigInt(data.length) }),
  listLogs: () => ({ logs: [] }),
  sealLog() {
    throw new NotFoundError("log", id);
  },
  async *readLog({ follow }, { signal }) {
    yield { data: new Uint8Array([1]) };
    if (follow) {
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
      });
    }
    yield { offset: 1n, data: new Uint8Array([2]) };
  },
});

async function start(): Promise<ContractServer> {
  const server = createRpcServer({
    name: "logs",
    log: silentLogger,
    telemetry: createTelemetry({ service: "logs" }),
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    services: [logService],
  });
  await server.start();
  server.setServing(true);
  const { appendLog, sealLog, readLog } = LogService.method;
  return {
    httpPort: server.httpPort,
    grpcPort: server.grpcPort,
    stop: () => server.stop(),
    samples: {
      succeeds: {
        method: appendLog,
        request: create(AppendLogRequestSchema, { key, data: new Uint8Array(200) }),
      },
      fails: {
        method: sealLog,
        request: create(SealLogRequestSchema, { key }),
        code: "not_found",
        reason: "NOT_FOUND",
      },
      streams: { method: readLog, request: create(ReadLogRequestSchema, { key }) },
      stays: { method: readLog, request: create(ReadLogRequestSchema, { key, follow: true }) },
    },
  };
}

runContractSuite({ name: "the rpc package itself", start, services: [LogService] });
