import { fromBinary, type Message, toBinary, toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { callErrorOf } from "./connect-client.ts";
import type { CallError, CallOutcome, ContractClient, ServerPorts } from "./contract-client.ts";

/** Bare grpc-js against both ports, not the mesh's own client. */
export function grpcJsClients(ports: ServerPorts): readonly ContractClient[] {
  return [
    grpcJsClient("grpc-js, gRPC port", ports.grpcPort),
    grpcJsClient("grpc-js, edge port", ports.httpPort),
  ];
}

/** A client that can pretend to speak to another host. */
export function grpcJsClient(name: string, port: number, authority?: string): ContractClient {
  const channel = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.enable_http_proxy": 0,
    "grpc.max_send_message_length": -1,
    ...(authority === undefined ? {} : { "grpc.default_authority": authority }),
  });
  return {
    name,
    binary: true,
    close: () => channel.close(),
    async call({ method, request }, settings = {}) {
      const messages: CallOutcome["messages"][number][] = [];
      const call = channel.makeServerStreamRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: Message) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        request,
        new Metadata(),
        settings.timeoutMs === undefined ? {} : { deadline: Date.now() + settings.timeoutMs },
      );
      return new Promise((resolve) => {
        call.on("data", (message: Message) => {
          messages.push(toJson(method.output, message));
          if (messages.length === settings.cancelAfter) call.cancel();
        });
        call.on("error", (error: ServiceError) => resolve({ messages, error: wireError(error) }));
        call.on("end", () => resolve({ messages }));
      });
    },
  };
}

function wireError(error: ServiceError): CallError {
  const details = error.metadata.get("grpc-status-details-bin")[0];
  if (!Buffer.isBuffer(details)) {
    return callErrorOf(new ConnectError(error.details, Number(error.code)));
  }
  const headers = new Headers({ "grpc-status-details-bin": details.toString("base64") });
  return callErrorOf(findTrailerError(headers));
}
