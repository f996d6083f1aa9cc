import { once } from "node:events";
import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type MethodImplSpec } from "@connectrpc/connect";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { DeadlineError } from "@tidemill/errors";
import { requireDecoded, type Undecodable } from "./grpc-codec.ts";
import { type GrpcCallFacts, GrpcContext } from "./grpc-context.ts";
import { grpcStatusOf } from "./grpc-status.ts";
import type { RpcLimits } from "./limits.ts";
import { toWire } from "./to-wire.ts";

type Decoded = Message | Undecodable;
type Answer = MessageInitShape<DescMessage>;
type HandleCall =
  | handleUnaryCall<Decoded, Answer>
  | handleClientStreamingCall<Decoded, Answer>
  | handleServerStreamingCall<Decoded, Answer>
  | handleBidiStreamingCall<Decoded, Answer>;
type Spec<K extends MethodImplSpec["kind"]> = Extract<MethodImplSpec, { kind: K }>;

/** A Connect-style handler as the function that grpc-js calls for its method. */
export function grpcHandler(spec: MethodImplSpec, limits: RpcLimits): HandleCall {
  switch (spec.kind) {
    case "unary":
      return (call: ServerUnaryCall<Decoded, Answer>, callback: sendUnaryData<Answer>) => {
        answerUnary(spec, call, callback, limits);
      };
    case "client_streaming":
      return (call: ServerReadableStream<Decoded, Answer>, callback: sendUnaryData<Answer>) => {
        void answerClientStream(spec, call, callback);
      };
    case "server_streaming":
      return (call: ServerWritableStream<Decoded, Answer>) => {
        void answerStream(spec, call, (context) =>
          spec.impl(requireDecoded(spec.method.input, call.request), context),
        );
      };
    case "bidi_streaming":
      return (call: ServerDuplexStream<Decoded, Answer>) => {
        void answerStream(spec, call, (context) => spec.impl(requests(spec, call), context));
      };
  }
}

/**
 * The hot path. grpc-js itself answers when the caller's deadline passes; a caller who gave none
 * gets the server's.
 */
function answerUnary(
  spec: Spec<"unary">,
  call: ServerUnaryCall<Decoded, Answer>,
  callback: sendUnaryData<Answer>,
  limits: RpcLimits,
): void {
  const given = deadlineOf(call);
  const limited = given === Number.POSITIVE_INFINITY;
  const context = new GrpcContext(
    spec.method,
    call,
    limited ? Date.now() + limits.deadlineMs : given,
  );
  let timer: NodeJS.Timeout | undefined;
  let answered = false;
  const answer = (error: unknown, value?: Answer) => {
    if (answered) return;
    answered = true;
    clearTimeout(timer);
    const headers = context.headerMetadata;
    if (headers !== undefined) call.sendMetadata(headers);
    if (value === undefined) callback(grpcStatusOf(toWire(error, ""), context.trailerMetadata));
    else callback(null, value, context.trailerMetadata);
  };
  if (limited) {
    timer = setTimeout(() => {
      context.abort();
      answer(noAnswer(limits.deadlineMs));
    }, limits.deadlineMs);
  }
  call.on("cancelled", () => {
    clearTimeout(timer);
    context.abort();
  });
  try {
    const request = requireDecoded(spec.method.input, call.request);
    Promise.resolve(spec.impl(request, context)).then((value) => answer(undefined, value), answer);
  } catch (error) {
    answer(error);
  }
}

async function answerClientStream(
  spec: Spec<"client_streaming">,
  call: ServerReadableStream<Decoded, Answer>,
  callback: sendUnaryData<Answer>,
): Promise<void> {
  const context = new GrpcContext(spec.method, call, deadlineOf(call));
  call.on("cancelled", () => context.abort());
  try {
    const answer = await spec.impl(requests(spec, call), context);
    const headers = context.headerMetadata;
    if (headers !== undefined) call.sendMetadata(headers);
    callback(null, answer, context.trailerMetadata);
  } catch (error) {
    callback(grpcStatusOf(toWire(error, ""), context.trailerMetadata));
  }
}

async function answerStream(
  spec: MethodImplSpec,
  call: ServerWritableStream<Decoded, Answer> | ServerDuplexStream<Decoded, Answer>,
  open: (context: GrpcContext) => AsyncIterable<Answer>,
): Promise<void> {
  const context = new GrpcContext(spec.method, call, deadlineOf(call));
  call.on("cancelled", () => context.abort());
  try {
    // Headers first: a client of a quiet stream learns at once that it was accepted.
    let opened = false;
    for await (const answer of open(context)) {
      if (!opened) call.sendMetadata(context.headerMetadata ?? new Metadata());
      opened = true;
      if (call.cancelled || call.destroyed) break;
      if (!call.write(answer)) await drained(call, context);
    }
    call.end(context.trailerMetadata);
  } catch (error) {
    if (call.destroyed) return;
    const status = grpcStatusOf(toWire(error, ""), context.trailerMetadata);
    call.emit("error", status);
  }
}

/** Waits until the caller has taken what was written, or has gone. */
async function drained(
  call: ServerWritableStream<Decoded, Answer> | ServerDuplexStream<Decoded, Answer>,
  context: GrpcContext,
): Promise<void> {
  if (call.writableNeedDrain !== true) return;
  await once(call, "drain", { signal: context.signal });
}

/** The messages of a caller, read one at a time: what nobody reads stays with the caller. */
async function* requests(
  spec: MethodImplSpec,
  call: ServerReadableStream<Decoded, Answer> | ServerDuplexStream<Decoded, Answer>,
): AsyncGenerator<Message, void, undefined> {
  let ended = false;
  let wake: (() => void) | undefined;
  const notify = () => wake?.();
  const onEnd = () => {
    ended = true;
    notify();
  };
  call.on("readable", notify).on("end", onEnd).on("close", onEnd).on("cancelled", onEnd);
  try {
    for (;;) {
      const message: Decoded | null = call.read();
      if (message !== null) yield requireDecoded(spec.method.input, message);
      else if (call.cancelled) throw new ConnectError("the caller went away", Code.Canceled);
      else if (ended || call.readableEnded) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    call.off("readable", notify).off("end", onEnd).off("close", onEnd).off("cancelled", onEnd);
  }
}

function deadlineOf(call: GrpcCallFacts): number {
  const deadline = call.getDeadline();
  return typeof deadline === "number" ? deadline : deadline.getTime();
}

function noAnswer(deadlineMs: number): DeadlineError {
  return new DeadlineError(
    "DEADLINE_EXCEEDED",
    `no answer within ${deadlineMs} ms, the server's own deadline: ask for a longer one`,
  );
}
