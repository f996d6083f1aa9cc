import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { bind, createRpcServer, type RpcServer, type RpcServerOptions } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";

export const id = "01890a5d-ac96-774b-bcce-b302099a8057";
export const key = { runId: id, taskId: id, attempt: 1, stream: "stdout" };

type LogHandlers = Parameters<typeof bind<typeof LogService>>[1];
type WorkerHandlers = Parameters<typeof bind<typeof WorkerService>>[1];

export interface LogServerOptions extends Partial<RpcServerOptions> {
  readonly handlers?: Partial<LogHandlers>;
  readonly work?: WorkerHandlers["work"];
}

/** A server of LogService and WorkerService whose handlers a test replaces as it needs. */
export async function startLogServer(options: LogServerOptions = {}): Promise<RpcServer> {
  const { handlers, work, ...rest } = options;
  const server = createRpcServer({
    name: "logs",
    log: silentLogger,
    telemetry: createTelemetry({ service: "logs" }),
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    services: [
      bind(LogService, {
        appendLog: ({ offset, data }) => ({ sizeBytes: offset + BigInt(data.length) }),
        listLogs: () => ({ logs: [] }),
        sealLog: () => ({}),
        async *readLog() {
          yield { offset: 0n };
        },
        ...handlers,
      }),
      bind(WorkerService, {
        work:
          work ??
          async function* (requests) {
            for await (const { message } of requests) {
              yield { message: { case: "accepted", value: { attemptId: String(message.case) } } };
            }
          },
      }),
    ],
    ...rest,
  });
  await server.start();
  server.setServing(true);
  return server;
}

/** One gRPC call with headers and bytes that no client would send; returns the trailers. */
export async function rawGrpc(
  port: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Promise<IncomingHttpHeaders> {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": "/tidemill.artifacts.v1.LogService/AppendLog",
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    let answer: IncomingHttpHeaders = {};
    stream.on("response", (sent) => {
      answer = { ...answer, ...sent };
    });
    stream.on("trailers", (sent) => {
      answer = { ...answer, ...sent };
    });
    stream.end(body);
    stream.resume();
    await once(stream, "close");
    return answer;
  } finally {
    session.close();
  }
}

/** A gRPC message: the flag for compression, the length, the bytes. */
export function envelope(bytes: Uint8Array, flags = 0, length = bytes.length): Buffer {
  const start = Buffer.alloc(5);
  start.writeUInt8(flags, 0);
  start.writeUInt32BE(length, 1);
  return Buffer.concat([start, bytes]);
}
