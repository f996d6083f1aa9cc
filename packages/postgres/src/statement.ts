/**
 * One SQL statement, prepared once per connection under its name. The name is also what metrics
 * and timeouts call it by, so it says what the statement is for: `outbox_append`.
 */
export interface Statement<Row extends object = Record<string, unknown>> {
  readonly name: string;
  readonly sql: string;
  /** Never set: carries the type of a row from where the SQL stands to where it is run. */
  readonly row?: Row;
}

/** Postgres cuts longer names silently, and two statements would then be taken for one. */
const NAME_BYTES_MAX = 63;

/** Declares a named statement. Throws when the name is longer than Postgres keeps. */
export function statement<Row extends object = Record<string, unknown>>(
  name: string,
  sql: string,
): Statement<Row> {
  if (name === "" || Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new Error(`bug: statement name "${name}" must have 1 to ${NAME_BYTES_MAX} bytes`);
  }
  return { name, sql };
}
