/** Marks a branch that the types rule out. Throws when data from outside got past them. */
export function assertNever(value: never, what: string): never {
  throw new Error(`bug: unexpected ${what}: ${JSON.stringify(value)}`);
}

/** States what must hold here. A failure is our own bug, never the user's. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`bug: ${what}`);
}

/** Whether trying the same thing again can help; unknown errors count as retriable. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof Error && "retriable" in error) return error.retriable === true;
  return true;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
