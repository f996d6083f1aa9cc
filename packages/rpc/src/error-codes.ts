import { Code } from "@connectrpc/connect";
import {
  AlreadyExistsError,
  CanceledError,
  ConflictError,
  DeadlineError,
  type ErrorOptions,
  type FieldViolation,
  ForbiddenError,
  IntegrityError,
  InvalidError,
  NotFoundError,
  OutOfRangeError,
  QuotaError,
  StateError,
  type TidemillError,
  UnauthenticatedError,
  UnavailableError,
  UnsupportedError,
} from "@tidemill/errors";

/** What travelled: enough to build the same error again on the other side. */
export interface WireError {
  readonly reason: string;
  readonly message: string;
  readonly violations: readonly FieldViolation[];
  readonly options: ErrorOptions & { readonly metadata: Readonly<Record<string, string>> };
}

interface CodeEntry {
  readonly code: Code;
  readonly rebuild: (wire: WireError) => TidemillError;
}

/** Error classes by name: the one table both directions read. */
export const codesByErrorName: Readonly<Record<string, CodeEntry>> = {
  InvalidError: {
    code: Code.InvalidArgument,
    rebuild: (wire) => new InvalidError(wire.reason, wire.message, wire.violations, wire.options),
  },
  UnauthenticatedError: {
    code: Code.Unauthenticated,
    rebuild: (wire) => new UnauthenticatedError(wire.reason, wire.message, wire.options),
  },
  ForbiddenError: {
    code: Code.PermissionDenied,
    rebuild: (wire) => new ForbiddenError(wire.reason, wire.message, wire.options),
  },
  NotFoundError: {
    code: Code.NotFound,
    rebuild: (wire) =>
      reworded(new NotFoundError(...kindAndId(wire.options.metadata), wire.options), wire),
  },
  AlreadyExistsError: {
    code: Code.AlreadyExists,
    rebuild: (wire) =>
      reworded(new AlreadyExistsError(...kindAndId(wire.options.metadata), wire.options), wire),
  },
  StateError: {
    code: Code.FailedPrecondition,
    rebuild: (wire) => new StateError(wire.reason, wire.message, wire.options),
  },
  ConflictError: {
    code: Code.Aborted,
    rebuild: (wire) => new ConflictError(wire.reason, wire.message, wire.options),
  },
  QuotaError: {
    code: Code.ResourceExhausted,
    rebuild: (wire) => new QuotaError(wire.reason, wire.message, wire.options),
  },
  OutOfRangeError: {
    code: Code.OutOfRange,
    rebuild: (wire) => new OutOfRangeError(wire.reason, wire.message, wire.options),
  },
  UnavailableError: {
    code: Code.Unavailable,
    rebuild: (wire) =>
      new UnavailableError(
        wire.options.metadata.dependency ?? "server",
        wire.message,
        wire.options,
      ),
  },
  DeadlineError: {
    code: Code.DeadlineExceeded,
    rebuild: (wire) => new DeadlineError(wire.reason, wire.message, wire.options),
  },
  CanceledError: {
    code: Code.Canceled,
    rebuild: (wire) => new CanceledError(wire.reason, wire.message, wire.options),
  },
  IntegrityError: {
    code: Code.DataLoss,
    rebuild: (wire) => new IntegrityError(wire.reason, wire.message, wire.options),
  },
  UnsupportedError: {
    code: Code.Unimplemented,
    rebuild: (wire) =>
      new UnsupportedError(wire.options.metadata.feature ?? "", wire.message, wire.options),
  },
};

function kindAndId(metadata: Readonly<Record<string, string>>): [kind: string, id: string] {
  return [metadata.kind ?? "thing", metadata.id ?? ""];
}

/** Classes that word their own message get the one that travelled. */
function reworded<E extends TidemillError>(error: E, wire: WireError): E {
  error.message = wire.message;
  return error;
}
