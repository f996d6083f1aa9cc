import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { InvalidError, TidemillError } from "@tidemill/errors";
import {
  type ErrorInfo,
  ErrorInfoSchema,
  FieldViolationSchema,
} from "@tidemill/proto/tidemill/common/v1/errors_pb.ts";
import { codesByErrorName } from "./error-codes.ts";

/** Bytes of the message once percent-encoded: gRPC clients drop header lists over 8 KiB. */
const MESSAGE_BYTES_MAX = 1_536;
/** Bytes of the detail; it travels as base64 beside the message. */
const DETAIL_BYTES_MAX = 2_560;

/**
 * The error as it goes over the wire, on every protocol: code, message and an ErrorInfo detail.
 * Whatever is no TidemillError is a bug, and a bug says only "internal error" and the trace id.
 */
export function toWire(error: unknown, traceId: string): ConnectError {
  if (error instanceof TidemillError) return fromTidemillError(error, traceId);
  if (error instanceof ConnectError && (!isBug(error.code) || isOurs(error))) return error;
  const info = { reason: "INTERNAL", traceId };
  return withInfo(`internal error, trace id ${traceId}`, Code.Internal, info);
}

function fromTidemillError(error: TidemillError, traceId: string): ConnectError {
  const code = codesByErrorName[error.name]?.code ?? Code.Internal;
  const info = create(ErrorInfoSchema, {
    reason: error.reason.toWellFormed(),
    metadata: Object.fromEntries(
      Object.entries(error.metadata).map(([key, value]) => [
        key.toWellFormed(),
        value.toWellFormed(),
      ]),
    ),
    retriable: error.retriable,
    traceId,
  });
  if (error instanceof InvalidError) {
    info.fieldViolations = error.violations.map(({ field, description }) =>
      create(FieldViolationSchema, {
        field: field.toWellFormed(),
        description: description.toWellFormed(),
      }),
    );
  }
  fitInfo(info);
  return withInfo(error.message, code, info);
}

function withInfo(message: string, code: Code, info: Partial<ErrorInfo>): ConnectError {
  const detail = { desc: ErrorInfoSchema, value: info };
  return new ConnectError(fitMessage(message), code, undefined, [detail]);
}

/** Whether this function made it already, with the trace id. */
function isOurs(error: ConnectError): boolean {
  return error.details.some((detail) => "desc" in detail && detail.desc === ErrorInfoSchema);
}

function isBug(code: Code): boolean {
  return code === Code.Internal || code === Code.Unknown;
}

/** Drops violations, then metadata, from the end until the detail fits. */
function fitInfo(info: ErrorInfo): void {
  const violations = info.fieldViolations;
  let omitted = 0;
  while (toBinary(ErrorInfoSchema, info).byteLength > DETAIL_BYTES_MAX) {
    const keys = Object.keys(info.metadata).filter((key) => key !== OMITTED_KEY);
    const half = Math.ceil(violations.length / 2);
    if (violations.length > 0) omitted += violations.splice(violations.length - half).length;
    else if (keys.length > 0) delete info.metadata[keys.at(-1) ?? ""];
    else info.reason = info.reason.slice(0, REASON_LENGTH_MAX);
    if (omitted > 0) info.metadata[OMITTED_KEY] = String(omitted);
  }
}

const OMITTED_KEY = "violations_omitted";
const REASON_LENGTH_MAX = 128;

/** Cuts a message so that it fits in a header. Lone surrogates would make the encoder throw. */
export function fitMessage(message: string): string {
  let fitted = message.toWellFormed();
  while (encodeURIComponent(fitted).length > MESSAGE_BYTES_MAX) {
    const share = MESSAGE_BYTES_MAX / encodeURIComponent(fitted).length;
    const length = Math.min(fitted.length - 1, Math.floor(fitted.length * share));
    fitted = `${fitted.slice(0, Math.max(0, length - 1)).toWellFormed()}…`;
  }
  return fitted;
}
