import { InvalidError, QuotaError, TidemillError } from "@tidemill/errors";
import type { EdgeRequest, EdgeResponse } from "@tidemill/rpc";

/** So much of a refused upload is still taken in, so that its sender gets to read the answer. */
const DISCARD_BYTES_MAX = 16 * 1024 * 1024;
const DISCARD_MS_MAX = 5_000;
const DISK_FULL_STATUS = 507;
const TOO_LARGE_STATUS = 413;
const INTERNAL_STATUS = 500;

/** Connect's name of the code and the HTTP status, by error class. */
const answers: Readonly<Record<string, readonly [code: string, status: number]>> = {
  InvalidError: ["invalid_argument", 400],
  UnauthenticatedError: ["unauthenticated", 401],
  ForbiddenError: ["permission_denied", 403],
  NotFoundError: ["not_found", 404],
  AlreadyExistsError: ["already_exists", 409],
  ConflictError: ["aborted", 409],
  StateError: ["failed_precondition", 412],
  OutOfRangeError: ["out_of_range", 416],
  QuotaError: ["resource_exhausted", 429],
  CanceledError: ["canceled", 499],
  UnsupportedError: ["unimplemented", 501],
  UnavailableError: ["unavailable", 503],
  DeadlineError: ["deadline_exceeded", 504],
  IntegrityError: ["data_loss", INTERNAL_STATUS],
};

export interface HttpError {
  readonly status: number;
  readonly body: {
    readonly code: string;
    readonly reason: string;
    readonly message: string;
    readonly metadata?: Readonly<Record<string, string>>;
  };
}

/** What a caller is told of an error; of a bug nothing but the request's id. */
export function httpErrorOf(error: unknown, requestId: string): HttpError {
  const answer = error instanceof TidemillError ? answers[error.name] : undefined;
  if (!(error instanceof TidemillError) || answer === undefined) {
    const message = `internal error, request id ${requestId}`;
    return { status: INTERNAL_STATUS, body: { code: "internal", reason: "INTERNAL", message } };
  }
  const [code, status] = answer;
  const { reason, message, metadata } = error;
  return { status: statusOf(error, status), body: { code, reason, message, metadata } };
}

function statusOf(error: TidemillError, usual: number): number {
  if (error instanceof QuotaError && error.reason === "DISK_FULL") return DISK_FULL_STATUS;
  if (error instanceof QuotaError && error.reason === "BLOB_TOO_LARGE") return TOO_LARGE_STATUS;
  return usual;
}

/** A method that a path does not have: 405 with what it has. */
export function methodNotAllowed(method: string, allowed: readonly string[]): InvalidError {
  return new InvalidError(
    "METHOD_NOT_ALLOWED",
    `${method} is not served here: use ${allowed.join(" or ")}`,
  );
}

/**
 * Answers with an error in such a way that the connection stays in step: what is left of the
 * request is read and dropped up to a limit, and past it the connection is closed.
 */
export async function sendHttpError(
  request: EdgeRequest,
  response: EdgeResponse,
  error: HttpError,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = Buffer.from(`${JSON.stringify(error.body)}\n`);
  response.statusCode = error.status;
  response.setHeader("content-type", "application/json");
  response.setHeader("content-length", body.length);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (request.readableEnded || request.method === "HEAD" || request.method === "GET") {
    endWith(response, request.method === "HEAD" ? undefined : body);
    return;
  }
  if (request.httpVersionMajor === 1) response.setHeader("connection", "close");
  // Typed for each of the two kinds apart, and the same for both.
  (response.write as (chunk: Buffer) => boolean).call(response, body);
  await discardRest(request);
  endWith(response, undefined);
}

function endWith(response: EdgeResponse, body: Buffer | undefined): void {
  if (body === undefined) response.end();
  else response.end(body);
}

async function discardRest(request: EdgeRequest): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, DISCARD_MS_MAX);
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARD_BYTES_MAX) resolve();
  });
  for (const event of ["end", "close", "error"]) request.once(event, () => resolve());
  request.resume();
  await done;
  clearTimeout(timer);
  request.pause();
}
