/** One field of a request that was wrong: its path (`spec.root.dag`) and what to do about it. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface ErrorOptions {
  /** The error that led here. Logged, never sent over the wire. */
  readonly cause?: unknown;
  /** Machine-readable facts beside the message; sent over the wire, so never a secret. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * What every error that a caller may see extends. `reason` is stable and SCREAMING_SNAKE, so that
 * clients can branch on it; `retriable` is the one property that clients, event consumers and
 * controllers read to decide whether trying again can help.
 */
export abstract class TidemillError extends Error {
  abstract override readonly name: string;
  abstract readonly retriable: boolean;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(reason: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.metadata = options.metadata ?? {};
  }
}
