import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import {
  type AppendLogRequest,
  AppendLogRequestSchema,
  type AppendLogResponse,
  AppendLogResponseSchema,
  LogService,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { bind, createRpcServer } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";

/** The servers of the `rpc` bench: the mesh's own and bare grpc-js, the same handler in both. */
function append(request: AppendLogRequest): AppendLogResponse {
  return {
    $typeName: "tidemill.artifacts.v1.AppendLogResponse",
    sizeBytes: request.offset + BigInt(request.data.length),
  };
}

const unused = () => {
  throw new Error("bug: not part of the bench");
};

const mesh = createRpcServer({
  name: "bench",
  log: silentLogger,
  telemetry: createTelemetry({ service: "bench" }),
  host: "127.0.0.1",
  httpPort: 0,
  grpcPort: 0,
  services: [
    bind(LogService, { appendLog: append, readLog: unused, sealLog: unused, listLogs: unused }),
  ],
});
await mesh.start();

const raw = new Server();
raw.register<AppendLogRequest, AppendLogResponse>(
  "/tidemill.artifacts.v1.LogService/AppendLog",
  (
    call: { request: AppendLogRequest },
    callback: (error: null, answer: AppendLogResponse) => void,
  ) => callback(null, append(call.request)),
  (answer) => Buffer.from(toBinary(AppendLogResponseSchema, answer)),
  (bytes) => fromBinary(AppendLogRequestSchema, bytes),
  "unary",
);
const rawPort = await new Promise<number>((resolve, reject) => {
  raw.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
});
process.send?.({ meshPort: mesh.grpcPort, edgePort: mesh.httpPort, rawPort });
// Asked before and after each part of a round.
process.on("message", () => process.send?.(process.cpuUsage()));
