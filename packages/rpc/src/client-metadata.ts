import type { CallOptions } from "@connectrpc/connect";
import { type Client as GrpcClient, Metadata } from "@grpc/grpc-js";
import { currentScope } from "@tidemill/telemetry/scope";
import { formatTraceparent } from "@tidemill/telemetry/traceparent";
import { headersOf, metadataOf } from "./grpc-headers.ts";

/** Headers of a call: the caller's own, the token, and what ties it to the call it is part of. */
export function callMetadata(token: string | undefined, options: CallOptions): Metadata {
  const metadata =
    options.headers === undefined ? new Metadata() : metadataOf(new Headers(options.headers));
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  const scope = currentScope();
  if (scope?.span !== undefined) metadata.set("traceparent", formatTraceparent(scope.span));
  const requestId = scope?.fields.request_id;
  if (typeof requestId === "string") metadata.set("x-request-id", requestId);
  return metadata;
}

type AnyCall = ReturnType<GrpcClient["makeUnaryRequest"]>;

/** Calls `onHeader` and `onTrailer` of the options when the server sent them. */
export function reportHeaders(call: AnyCall, { onHeader, onTrailer }: CallOptions): void {
  if (onHeader !== undefined) call.on("metadata", (metadata) => onHeader(headersOf(metadata)));
  if (onTrailer !== undefined) {
    call.on("status", ({ metadata }) => onTrailer(headersOf(metadata)));
  }
}
