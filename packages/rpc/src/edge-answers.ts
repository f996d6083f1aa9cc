import { create, toJson } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { ErrorInfoSchema } from "@tidemill/proto/tidemill/common/v1/errors_pb.ts";
import type { EdgeRequest, EdgeResponse } from "./plain-http.ts";

/** HTTP statuses of the errors that the edge itself answers with. */
const statusByCode: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: 400,
  [Code.FailedPrecondition]: 400,
  [Code.OutOfRange]: 416,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.Aborted]: 409,
  [Code.ResourceExhausted]: 429,
  [Code.Canceled]: 499,
  [Code.Unimplemented]: 501,
  [Code.Unavailable]: 503,
  [Code.DeadlineExceeded]: 504,
};

export function isGrpc(request: EdgeRequest): boolean {
  return request.headers["content-type"]?.startsWith("application/grpc") === true;
}

/** An error in the caller's own protocol: a gRPC status, or else Connect's JSON. */
export function sendError(request: EdgeRequest, response: EdgeResponse, error: ConnectError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (isGrpc(request)) {
    const trailers = setTrailerStatus(new Headers(), error);
    const contentType = request.headers["content-type"] ?? "";
    // Headers alone, without a body however empty: what gRPC calls trailers-only.
    setHeaders(response, 200, { "content-type": contentType, ...Object.fromEntries(trailers) });
    response.end();
    return;
  }
  const info = error.findDetails(ErrorInfoSchema)[0] ?? create(ErrorInfoSchema);
  const body = {
    code: codeToString(error.code),
    message: error.rawMessage,
    details: [{ type: ErrorInfoSchema.typeName, debug: toJson(ErrorInfoSchema, info) }],
  };
  sendJson(response, statusByCode[error.code] ?? 500, body);
}

export function sendJson(response: EdgeResponse, status: number, body: unknown): void {
  send(response, status, { "content-type": "application/json" }, `${JSON.stringify(body)}\n`);
}

export function sendText(response: EdgeResponse, contentType: string, text: string): void {
  send(response, 200, { "content-type": contentType }, text);
}

function send(
  response: EdgeResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  setHeaders(response, status, headers);
  response.setHeader("content-length", Buffer.byteLength(body));
  response.end(body);
}

function setHeaders(
  response: EdgeResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}
