import {
  AlreadyExistsError,
  ConflictError,
  DeadlineError,
  IntegrityError,
  InvalidError,
  messageOf,
  QuotaError,
  StateError,
  TidemillError,
  UnavailableError,
} from "@tidemill/errors";

/** What `pg` puts on the errors that the server sent. */
interface ServerError extends Error {
  readonly code: string;
  readonly detail?: string;
  readonly table?: string;
  readonly constraint?: string;
}

/** The name that `UnavailableError.metadata.dependency` carries. */
const DEPENDENCY = "postgres";

const socketCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);

/** `pg` and its pool have no codes for a connection that went away, only these texts. */
const connectionTexts = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "timeout expired",
  "not queryable",
  "Query read timeout",
  "Cannot use a pool after calling end",
  "Client has already been released",
];

/**
 * The error of our own taxonomy for whatever `pg` threw; unknown ones come back unchanged and are
 * bugs. A unique violation becomes an AlreadyExistsError that carries the constraint's name: a
 * store says what it means with `onUnique`.
 */
export function mapError(error: unknown): unknown {
  if (error instanceof TidemillError || !(error instanceof Error)) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (socketCodes.has(code) || connectionTexts.some((text) => error.message.includes(text))) {
    return unavailable(error);
  }
  return /^[0-9A-Z]{5}$/.test(code) ? mapServerError(error as ServerError) : error;
}

function mapServerError(error: ServerError): unknown {
  switch (error.code) {
    case "23505":
      return uniqueViolation(error);
    case "23503":
      return new StateError("REFERENCE_VIOLATED", `${error.message}: ${error.detail ?? ""}`, {
        cause: error,
        metadata: { constraint: error.constraint ?? "" },
      });
    case "40001":
    case "40P01":
      return new ConflictError("SERIALIZATION_FAILURE", "somebody else changed it: try again", {
        cause: error,
      });
    case "55P03":
      return new ConflictError("LOCK_TIMEOUT", "a lock was not free in time: try again", {
        cause: error,
      });
    case "57014":
      return new DeadlineError(
        "STATEMENT_TIMEOUT",
        `the database took too long: ${error.message}`,
        {
          cause: error,
        },
      );
    case "23514":
      return partitionMissing(error) ?? error;
    case "53200":
    case "53400":
      return new QuotaError(
        "DATABASE_RESOURCES",
        `the database lacks memory or another resource for this: ${error.message}`,
        { cause: error },
      );
    case "53100":
      return new QuotaError("DISK_FULL", "the disk of the database is full: free some space", {
        cause: error,
      });
    case "22021":
    case "22P05":
      return new InvalidError("BAD_TEXT", "text holds a character that cannot be stored (\\u0000)");
    case "22P02":
    case "22003":
    case "22007":
    case "22008":
    case "22001":
      return new InvalidError("BAD_VALUE", `the database refused a value: ${error.message}`, [], {
        cause: error,
      });
    case "XX001":
    case "XX002":
      return new IntegrityError("DATABASE_CORRUPT", `the database is damaged: ${error.message}`, {
        cause: error,
      });
    default:
      return isUnavailable(error.code) ? unavailable(error) : error;
  }
}

/** Connection, operator and resource classes, a standby, and a login that does not work (yet). */
function isUnavailable(code: string): boolean {
  const classes = ["08", "28", "53", "57", "58"];
  return classes.includes(code.slice(0, 2)) || ["25006", "25P03", "3D000"].includes(code);
}

/** A row of a time whose partition is still to be made; the keeper does so within seconds. */
function partitionMissing(error: ServerError): UnavailableError | undefined {
  const table = /^no partition of relation "(.*)" found for row$/.exec(error.message)?.[1];
  if (table === undefined) return undefined;
  return new UnavailableError(
    "partitions",
    `table "${table}" has no partition for this time yet, as after a jump of the clock: try again`,
    { cause: error },
  );
}

/** Whether the connection went away, so that nothing is known about what was under way. */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof UnavailableError && error.metadata.dependency === DEPENDENCY;
}

function unavailable(error: Error): UnavailableError {
  return new UnavailableError(DEPENDENCY, `postgres is not available: ${messageOf(error)}`, {
    cause: error,
  });
}

/** `Key (namespace, name)=(default, iris) already exists.` -> `default, iris`. */
function uniqueViolation(error: ServerError): AlreadyExistsError {
  const id = /\)=\((.*)\) already exists/.exec(error.detail ?? "")?.[1] ?? "";
  return new AlreadyExistsError(error.table ?? "row", id, {
    cause: error,
    metadata: { constraint: error.constraint ?? "" },
  });
}

/**
 * Awaits a write and replaces a violation of one of the named unique constraints by the error that
 * the store makes of it: `onUnique(insert, { runs_name_key: () => new AlreadyExistsError(…) })`.
 */
export async function onUnique<Value>(
  write: Promise<Value>,
  errors: Readonly<Record<string, () => Error>>,
): Promise<Value> {
  try {
    return await write;
  } catch (error) {
    const constraint = error instanceof AlreadyExistsError ? error.metadata.constraint : undefined;
    const make = constraint === undefined ? undefined : errors[constraint];
    throw make === undefined ? error : make();
  }
}
