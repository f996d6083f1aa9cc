import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  CanceledError,
  DeadlineError,
  InvalidError,
  TidemillError,
  UnavailableError,
} from "@tidemill/errors";
import { ErrorInfoSchema } from "@tidemill/proto/tidemill/common/v1/errors_pb.ts";
import { codesByErrorName, type WireError } from "./error-codes.ts";

/**
 * Back from the wire to the class that was thrown on the other side, with its reason, metadata and
 * violations. Internal and unknown errors, which are the server's bugs, stay ConnectErrors.
 */
export function fromWire(error: unknown, peer = "server"): TidemillError | ConnectError {
  if (error instanceof TidemillError) return error;
  const connectError = isServiceError(error) ? fromServiceError(error) : ConnectError.from(error);
  const info = connectError.findDetails(ErrorInfoSchema)[0];
  if (info === undefined) return withoutInfo(connectError, peer);
  const wire: WireError = {
    reason: info.reason,
    message: connectError.rawMessage,
    violations: info.fieldViolations.map(({ field, description }) => ({ field, description })),
    options: { metadata: info.metadata, cause: connectError },
  };
  const entry = entryOf(connectError.code);
  return entry === undefined ? connectError : entry.rebuild(wire);
}

/** Errors that no handler made: the connection, a proxy, a server of another make. */
function withoutInfo(error: ConnectError, peer: string): TidemillError | ConnectError {
  const options = { metadata: { peer }, cause: error };
  switch (error.code) {
    case Code.DeadlineExceeded:
      return new DeadlineError("DEADLINE_EXCEEDED", `${peer} did not answer in time`, options);
    case Code.Canceled:
      return new CanceledError("CANCELED", `the call to ${peer} was canceled`, options);
    case Code.Unavailable:
      return new UnavailableError(peer, `${peer} is away: ${error.rawMessage}`, options);
    case Code.ResourceExhausted:
      if (!isTooLarge(error)) return rebuilt(error, options);
      return new InvalidError("MESSAGE_TOO_LARGE", `${peer}: ${error.rawMessage}`, [], options);
    default:
      return rebuilt(error, options);
  }
}

/** Of all that may be exhausted, the size of a message is what no repetition changes. */
function isTooLarge({ rawMessage }: ConnectError): boolean {
  return /\bmessage\b.* larger than /.test(rawMessage);
}

function rebuilt(error: ConnectError, options: WireError["options"]): TidemillError | ConnectError {
  const reason = Code[error.code].replace(/(?<!^)([A-Z])/g, "_$1").toUpperCase();
  const wire = { reason, message: error.rawMessage, violations: [], options };
  return entryOf(error.code)?.rebuild(wire) ?? error;
}

function entryOf(code: Code) {
  return Object.values(codesByErrorName).find((entry) => entry.code === code);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "metadata" in error && error.metadata instanceof Metadata;
}

function fromServiceError(error: ServiceError): ConnectError {
  const details = error.metadata.get("grpc-status-details-bin")[0];
  const headers = new Headers({
    "grpc-status": String(error.code),
    "grpc-message": encodeURIComponent(error.details.toWellFormed()),
  });
  if (Buffer.isBuffer(details)) {
    headers.set("grpc-status-details-bin", details.toString("base64").replace(/=+$/, ""));
  }
  return readTrailer(headers) ?? new ConnectError(error.details, Code.Unknown);
}

/** A peer may send details that are no google.rpc.Status: code and message still count. */
function readTrailer(headers: Headers): ConnectError | undefined {
  try {
    return findTrailerError(headers);
  } catch {
    headers.delete("grpc-status-details-bin");
    return findTrailerError(headers);
  }
}
