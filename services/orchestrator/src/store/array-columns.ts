/** A value as the JSON text of a column; null where there is none. */
export function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/**
 * An array of ids, numbers or our own words as Postgres writes it. None of them needs a quote, and
 * the driver would look for one in every element.
 */
export function plainArray(values: readonly (string | number | null)[]): string {
  return `{${values.map((value) => value ?? "NULL").join()}}`;
}
