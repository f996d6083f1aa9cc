import { type ErrorOptions, type FieldViolation, TidemillError } from "./tidemill-error.ts";

/** Malformed whatever the state of the world: the caller must send something else. */
export class InvalidError extends TidemillError {
  override readonly name = "InvalidError";
  override readonly retriable = false;
  readonly violations: readonly FieldViolation[];

  constructor(
    reason: string,
    message: string,
    violations: readonly FieldViolation[] = [],
    options: ErrorOptions = {},
  ) {
    super(reason, message, options);
    this.violations = violations;
  }
}

/** No identity, or one that cannot be verified. */
export class UnauthenticatedError extends TidemillError {
  override readonly name = "UnauthenticatedError";
  override readonly retriable = false;
}

/** A known identity that may not do this. */
export class ForbiddenError extends TidemillError {
  override readonly name = "ForbiddenError";
  override readonly retriable = false;
}

/** Nothing of that kind under that id, or its existence is none of the caller's business. */
export class NotFoundError extends TidemillError {
  override readonly name = "NotFoundError";
  override readonly retriable = false;

  constructor(kind: string, id: string, options: ErrorOptions = {}) {
    super("NOT_FOUND", `${kind} "${id}" was not found`, {
      ...options,
      metadata: { kind, id, ...options.metadata },
    });
  }
}

/** Something of that kind is already there under that name. */
export class AlreadyExistsError extends TidemillError {
  override readonly name = "AlreadyExistsError";
  override readonly retriable = false;

  constructor(kind: string, id: string, options: ErrorOptions = {}) {
    super("ALREADY_EXISTS", `${kind} "${id}" already exists`, {
      ...options,
      metadata: { kind, id, ...options.metadata },
    });
  }
}

/** The thing is in the wrong phase for this; something else must change first. */
export class StateError extends TidemillError {
  override readonly name = "StateError";
  override readonly retriable = false;
}

/**
 * Somebody else changed it meanwhile, or the database could not serialize: repeat the whole
 * operation.
 */
export class ConflictError extends TidemillError {
  override readonly name = "ConflictError";
  override readonly retriable = true;
}

/** A named limit was reached: a quota, a full queue, an upload that is too large. */
export class QuotaError extends TidemillError {
  override readonly name = "QuotaError";
  override readonly retriable = true;
}

/** A log offset or byte range past the end. */
export class OutOfRangeError extends TidemillError {
  override readonly name = "OutOfRangeError";
  override readonly retriable = false;
}

/** Postgres, NATS or another service is away; the same call may work later. */
export class UnavailableError extends TidemillError {
  override readonly name = "UnavailableError";
  override readonly retriable = true;

  constructor(dependency: string, message: string, options: ErrorOptions = {}) {
    super("UNAVAILABLE", message, { ...options, metadata: { dependency, ...options.metadata } });
  }
}

/** The caller's deadline passed before the work was done; whether it was done is unknown. */
export class DeadlineError extends TidemillError {
  override readonly name = "DeadlineError";
  override readonly retriable = true;
}

/** The caller went away or the process is stopping. */
export class CanceledError extends TidemillError {
  override readonly name = "CanceledError";
  override readonly retriable = false;
}

/** Stored bytes do not match their digest. (A client's bytes that do not match: InvalidError.) */
export class IntegrityError extends TidemillError {
  override readonly name = "IntegrityError";
  override readonly retriable = false;
}

/** A feature that the README's list of gaps names. */
export class UnsupportedError extends TidemillError {
  override readonly name = "UnsupportedError";
  override readonly retriable = false;

  constructor(feature: string, message: string, options: ErrorOptions = {}) {
    super("UNSUPPORTED_FEATURE", message, {
      ...options,
      metadata: { feature, ...options.metadata },
    });
  }
}
