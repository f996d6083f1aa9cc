import { toJson } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "@tidemill/proto/tidemill/common/v1/errors_pb.ts";
import type {
  CallError,
  CallOutcome,
  CallSettings,
  ContractClient,
  SampleCall,
  ServerPorts,
} from "./contract-client.ts";

const SESSION_MEMORY_MIB = 200;

/** connect-node in every protocol and HTTP version it has, against the edge port. */
export function connectClients({ httpPort }: ServerPorts): readonly ContractClient[] {
  const baseUrl = `http://127.0.0.1:${httpPort}`;
  const http1 = { baseUrl, httpVersion: "1.1" } as const;
  const clients: ContractClient[] = [
    connectClient("Connect JSON, HTTP/1.1", createConnectTransport(http1), false),
    connectClient(
      "Connect binary, HTTP/1.1",
      createConnectTransport({ ...http1, useBinaryFormat: true }),
    ),
    connectClient("gRPC-web, HTTP/1.1", createGrpcWebTransport(http1)),
  ];
  const http2 = () => {
    // Node's default of 10 MiB breaks the connection of a client that sends much at once.
    const options = { maxSessionMemory: SESSION_MEMORY_MIB };
    const sessionManager = new Http2SessionManager(baseUrl, undefined, options);
    const close = () => sessionManager.abort();
    return { options: { baseUrl, httpVersion: "2", sessionManager } as const, close };
  };
  const json = http2();
  clients.push(
    connectClient("Connect JSON, HTTP/2", createConnectTransport(json.options), false, json.close),
  );
  const binary = http2();
  const binaryTransport = createConnectTransport({ ...binary.options, useBinaryFormat: true });
  clients.push(connectClient("Connect binary, HTTP/2", binaryTransport, true, binary.close));
  const grpc = http2();
  clients.push(connectClient("gRPC, HTTP/2", createGrpcTransport(grpc.options), true, grpc.close));
  const web = http2();
  clients.push(
    connectClient("gRPC-web, HTTP/2", createGrpcWebTransport(web.options), true, web.close),
  );
  return clients;
}

function connectClient(
  name: string,
  transport: Transport,
  binary = true,
  close: () => void = () => undefined,
): ContractClient {
  return {
    name: `connect-node, ${name}`,
    binary,
    close,
    async call(sample, settings = {}) {
      const messages: CallOutcome["messages"][number][] = [];
      try {
        for await (const message of invoke(transport, sample, settings, messages)) {
          messages.push(toJson(sample.method.output, message));
        }
        return { messages };
      } catch (error) {
        return { messages, error: callErrorOf(error) };
      }
    },
  };
}

async function* invoke(
  transport: Transport,
  { method, request }: SampleCall,
  settings: CallSettings,
  seen: readonly unknown[],
) {
  const cancel = new AbortController();
  if (method.methodKind === "unary") {
    const answer = await transport.unary(
      method,
      cancel.signal,
      settings.timeoutMs,
      undefined,
      request,
    );
    yield answer.message;
    return;
  }
  const requests = (async function* () {
    yield request;
  })();
  const answer = await transport.stream(
    method,
    cancel.signal,
    settings.timeoutMs,
    undefined,
    requests,
  );
  for await (const message of answer.message) {
    yield message;
    if (seen.length === settings.cancelAfter) cancel.abort();
  }
}

/** A ConnectError in the words of the suite. */
export function callErrorOf(thrown: unknown): CallError {
  const error = ConnectError.from(thrown);
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  return { code: codeToString(error.code), message: error.rawMessage, reason };
}
