import type {
  DescMessage,
  DescMethod,
  DescService,
  Message,
  MessageInitShape,
} from "@bufbuild/protobuf";
import { type CallOptions, type Client, makeAnyClient } from "@connectrpc/connect";
import { type ChannelOptions, credentials, Client as GrpcClient } from "@grpc/grpc-js";
import { callMetadata, reportHeaders } from "./client-metadata.ts";
import { retryUnavailable } from "./client-retry.ts";
import { receive, send } from "./client-streams.ts";
import { fromWire } from "./from-wire.ts";
import { encoderOf, strictDecoderOf } from "./grpc-codec.ts";
import { defaultLimits } from "./limits.ts";

export interface MeshClientOptions {
  /** `host:port` of a server's gRPC port, or of its edge port. */
  readonly address: string;
  /** Sent as a bearer token. */
  readonly token?: string | undefined;
  /** Deadline of unary calls that name none; streams have none unless they name one. */
  readonly deadlineMs?: number | undefined;
  /** One message, either way. */
  readonly messageBytesMax?: number | undefined;
}

/**
 * Typed like Connect's client. Errors come back as the classes of @tidemill/errors. Leaving a
 * stream's loop, or aborting `signal`, cancels the call.
 */
export type MeshClient<S extends DescService> = Client<S> & { close(): void };

type Init = MessageInitShape<DescMessage>;

/**
 * A client of one service over grpc-js. Calls that may be repeated safely are, when the server is
 * away, until their deadline; a call made while the server restarts therefore succeeds.
 */
export function createMeshClient<S extends DescService>(
  service: S,
  options: MeshClientOptions,
): MeshClient<S> {
  const channel = new GrpcClient(
    options.address,
    credentials.createInsecure(),
    channelOptions(options),
  );
  const methods = makeAnyClient(service, (method) => {
    const call = prepareCall(channel, method, options);
    switch (method.methodKind) {
      case "unary":
        return (request: Init, callOptions?: CallOptions) => call.unary(request, callOptions);
      case "server_streaming":
        return (request: Init, callOptions?: CallOptions) =>
          call.serverStream(request, callOptions);
      case "client_streaming":
        return (requests: AsyncIterable<Init>, callOptions?: CallOptions) =>
          call.clientStream(requests, callOptions);
      case "bidi_streaming":
        return (requests: AsyncIterable<Init>, callOptions?: CallOptions) =>
          call.bidiStream(requests, callOptions);
    }
  });
  // Built from the descriptor that S is the type of, which the compiler cannot see.
  return Object.assign(methods, { close: () => channel.close() }) as MeshClient<S>;
}

function prepareCall(channel: GrpcClient, method: DescMethod, options: MeshClientOptions) {
  const path = `/${method.parent.typeName}/${method.name}`;
  const encode = encoderOf(method.input);
  const decode = strictDecoderOf(method.output);
  const { address } = options;
  const deadlineMsDefault = options.deadlineMs ?? defaultLimits.deadlineMs;

  function unaryOnce(request: Init, callOptions: CallOptions, deadline: number): Promise<Message> {
    return new Promise((resolve, reject) => {
      const { signal } = callOptions;
      const metadata = callMetadata(options.token, callOptions);
      const call = channel.makeUnaryRequest(
        path,
        encode,
        decode,
        request,
        metadata,
        { deadline },
        (error, answer) => {
          signal?.removeEventListener("abort", onAbort);
          if (error === null && answer !== undefined) resolve(answer);
          else reject(fromWire(error, address));
        },
      );
      const onAbort = () => call.cancel();
      if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
      reportHeaders(call, callOptions);
    });
  }

  return {
    unary(request: Init, callOptions: CallOptions = {}): Promise<Message> {
      const deadline = Date.now() + (callOptions.timeoutMs ?? deadlineMsDefault);
      const once = () => unaryOnce(request, callOptions, deadline);
      return retryUnavailable(once, { method, request, deadline, signal: callOptions.signal });
    },

    serverStream(request: Init, callOptions: CallOptions = {}): AsyncIterable<Message> {
      const metadata = callMetadata(options.token, callOptions);
      const streamOptions = streamDeadline(callOptions);
      const call = channel.makeServerStreamRequest(
        path,
        encode,
        decode,
        request,
        metadata,
        streamOptions,
      );
      reportHeaders(call, callOptions);
      return receive(call, { address, signal: callOptions.signal });
    },

    clientStream(requests: AsyncIterable<Init>, callOptions: CallOptions = {}): Promise<Message> {
      return new Promise((resolve, reject) => {
        const metadata = callMetadata(options.token, callOptions);
        const streamOptions = streamDeadline(callOptions);
        const call = channel.makeClientStreamRequest(
          path,
          encode,
          decode,
          metadata,
          streamOptions,
          (error, answer) => {
            if (error === null && answer !== undefined) resolve(answer);
            else reject(sending.failure ?? fromWire(error, address));
          },
        );
        reportHeaders(call, callOptions);
        const sending = send(call, requests, callOptions.signal);
      });
    },

    bidiStream(
      requests: AsyncIterable<Init>,
      callOptions: CallOptions = {},
    ): AsyncIterable<Message> {
      const metadata = callMetadata(options.token, callOptions);
      const streamOptions = streamDeadline(callOptions);
      const call = channel.makeBidiStreamRequest(path, encode, decode, metadata, streamOptions);
      reportHeaders(call, callOptions);
      const sending = send(call, requests, callOptions.signal);
      return receive(call, { address, signal: callOptions.signal, sending });
    },
  };
}

function streamDeadline({ timeoutMs }: CallOptions): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 2_000;

function channelOptions({ messageBytesMax }: MeshClientOptions): ChannelOptions {
  const { connections } = defaultLimits;
  const bytesMax = messageBytesMax ?? defaultLimits.messageBytesMax;
  return {
    // The mesh is on this machine or in this cluster: a proxy could only break it.
    "grpc.enable_http_proxy": 0,
    // Retries are ours, see client-retry.ts; grpc-js would buffer every message for its own.
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    // Counts every message for a debugging service that is not served.
    "grpc.enable_channelz": 0,
    "grpc.max_receive_message_length": bytesMax,
    "grpc.max_send_message_length": bytesMax,
    "grpc.keepalive_time_ms": connections.keepaliveMs,
    "grpc.keepalive_timeout_ms": connections.keepaliveTimeoutMs,
    "grpc.initial_reconnect_backoff_ms": RECONNECT_FIRST_MS,
    "grpc.max_reconnect_backoff_ms": RECONNECT_MAX_MS,
    "grpc-node.max_session_memory": connections.sessionMemoryMib,
  };
}
