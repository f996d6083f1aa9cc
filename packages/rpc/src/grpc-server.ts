import { Server, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";
import type { Service } from "@tidemill/lifecycle";
import { joinHostPort } from "./address.ts";
import { decoderOf, encoderOf } from "./grpc-codec.ts";
import { grpcHandler } from "./grpc-handlers.ts";
import { inputFaultsAreInvalid } from "./grpc-input-faults.ts";
import type { RpcLimits } from "./limits.ts";
import { listenError } from "./listen-error.ts";
import type { ServiceBinding } from "./service-binding.ts";

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly limits: RpcLimits;
  /** Guarded already. */
  readonly bindings: readonly ServiceBinding[];
}

/** The mesh's own port: gRPC alone, at a third of the edge port's cost per call. */
export interface GrpcServer extends Service {
  /** The bound port, once started. */
  readonly port: number;
}

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const server = new Server({
    ...channelOptions(options.limits),
    interceptors: [inputFaultsAreInvalid],
  });
  for (const binding of options.bindings) {
    for (const spec of binding.methods) {
      const { method } = spec;
      server.register(
        `/${method.parent.typeName}/${method.name}`,
        grpcHandler(spec, options.limits),
        encoderOf(method.output),
        decoderOf(method.input),
        handlerTypes[method.methodKind],
      );
    }
  }
  let port = options.port;
  let started = false;
  let stopped: Promise<void> | undefined;
  return {
    get port() {
      return port;
    },
    async start() {
      const address = joinHostPort(options.host, options.port);
      port = await new Promise<number>((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
          if (error === null) resolve(bound);
          else reject(listenError(address, error));
        });
      });
      started = true;
    },
    stop() {
      stopped ??= started
        ? shutdown(server, options.limits.connections.drainMs)
        : Promise.resolve();
      return stopped;
    },
  };
}

const handlerTypes = {
  unary: "unary",
  server_streaming: "serverStream",
  client_streaming: "clientStream",
  bidi_streaming: "bidi",
} as const;

function channelOptions(limits: RpcLimits): ServerOptions {
  const { connections } = limits;
  return {
    // Counts every message for a debugging service that is not served.
    "grpc.enable_channelz": 0,
    "grpc.max_receive_message_length": limits.messageBytesMax,
    "grpc.max_send_message_length": limits.messageBytesMax,
    "grpc.max_concurrent_streams": limits.streamsPerConnectionMax,
    "grpc.keepalive_time_ms": connections.keepaliveMs,
    "grpc.keepalive_timeout_ms": connections.keepaliveTimeoutMs,
    "grpc.max_connection_idle_ms": connections.idleMs,
    "grpc.max_connection_age_ms": connections.ageMsMax,
    "grpc.max_connection_age_grace_ms": connections.drainMs,
    "grpc-node.max_session_memory": connections.sessionMemoryMib,
  };
}

/** Lets calls end, then cuts what is left. */
function shutdown(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), drainMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
