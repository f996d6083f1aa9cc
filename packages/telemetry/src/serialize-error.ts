const CAUSES_MAX = 5;

export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly reason?: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: SerializedError;
}

/** What was thrown, with its causes, as JSON for a log line. */
export function serializeError(thrown: unknown, depth = 0): SerializedError {
  if (!(thrown instanceof Error)) return { name: typeof thrown, message: String(thrown) };
  return {
    name: thrown.name,
    message: thrown.message,
    ...("reason" in thrown && typeof thrown.reason === "string" ? { reason: thrown.reason } : {}),
    ...("code" in thrown && typeof thrown.code === "string" ? { code: thrown.code } : {}),
    ...(thrown.stack === undefined ? {} : { stack: thrown.stack }),
    ...(thrown.cause === undefined || depth >= CAUSES_MAX
      ? {}
      : { cause: serializeError(thrown.cause, depth + 1) }),
  };
}
