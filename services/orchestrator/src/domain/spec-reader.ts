import { excerpt } from "./excerpt.ts";
import type { Warning } from "./journal-event.ts";
import { LABEL_LENGTH_MAX, SPEC_WARNINGS_MAX, VALUE_DEPTH_MAX } from "./limits.ts";
import { type PathSegments, pathText, SpecError, type UnsupportedUse } from "./spec-error.ts";

/** A place in a document; made for every field, so it is a list of links. */
export interface Place {
  readonly parent: Place | undefined;
  readonly key: string | number;
}

/** Whether a specification is to be run for the first time, or was found fit to run before. */
export type SpecPurpose = "new" | "accepted";

export interface Reading {
  readonly purpose: SpecPurpose;
  readonly warnings: Warning[];
  readonly unsupported: UnsupportedUse[];
}

/** A message of the IR: the names of its fields, in camelCase and in snake_case. */
export interface MessageShape {
  readonly name: string;
  readonly fieldByKey: ReadonlyMap<string, string>;
  /** Fields for which null is a value; any other that is null is not there. */
  readonly nullable: ReadonlySet<string>;
}

/** One value together with where it stands. */
export interface Item {
  readonly value: unknown;
  readonly at: Place | undefined;
}

export type Fields = ReadonlyMap<string, Item>;

export function messageShape(
  name: string,
  fields: readonly string[],
  nullable: readonly string[] = [],
): MessageShape {
  const fieldByKey = new Map<string, string>();
  for (const field of fields) {
    fieldByKey.set(field, field);
    fieldByKey.set(
      field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      field,
    );
  }
  return { name, fieldByKey, nullable: new Set(nullable) };
}

/**
 * The fields of a message by their camelCase names. A field that nobody knows gives a warning, as
 * a newer compiler may add some. Throws SpecError when the value is no object.
 */
export function readMessage(item: Item, shape: MessageShape, reading: Reading): Fields {
  const fields = new Map<string, Item>();
  for (const [key, value] of entriesOf(item, shape.name)) {
    const at: Place = { parent: item.at, key };
    const field = shape.fieldByKey.get(key);
    if (field === undefined) {
      const where = pathText(segmentsOf(at));
      warn(reading, "UNKNOWN_FIELD", `${where} is no known field of ${shape.name}; ignored`);
    } else if (value === null && !shape.nullable.has(field)) {
      // The JSON form of protobuf: a field that is null is one that is not there.
    } else if (fields.has(field)) {
      throw problem(at, `stands twice, as "${field}" and in snake_case; remove one`);
    } else {
      fields.set(field, { value, at });
    }
  }
  return fields;
}

/** The entries of a map field, none when it is absent. */
export function readMap(item: Item | undefined, what: string, max: number): [string, Item][] {
  if (item === undefined || item.value === null) return [];
  const entries = entriesOf(item, what);
  if (entries.length > max) {
    throw new SpecError("LIMIT_EXCEEDED", segmentsOf(item.at), tooMany(what, entries.length, max));
  }
  return entries.map(([key, value]) => [key, { value, at: { parent: item.at, key } }]);
}

/** The items of a list field, none when it is absent. */
export function readList(item: Item | undefined, what: string, max: number): Item[] {
  if (item === undefined || item.value === null) return [];
  if (!Array.isArray(item.value)) {
    throw problem(item.at, `must be a list (${what}), got ${describe(item.value)}`);
  }
  const values: readonly unknown[] = item.value;
  if (values.length > max) {
    throw new SpecError("LIMIT_EXCEEDED", segmentsOf(item.at), tooMany(what, values.length, max));
  }
  return values.map((value, key) => ({ value, at: { parent: item.at, key } }));
}

/** A text field, `""` when it is absent. */
export function readText(item: Item | undefined, lengthMax: number = LABEL_LENGTH_MAX): string {
  if (item === undefined || item.value === null) return "";
  if (typeof item.value !== "string") {
    throw problem(item.at, `must be a text, got ${describe(item.value)}`);
  }
  if (item.value.length > lengthMax) {
    const found = `${item.value.length} characters, more than the ${lengthMax} allowed`;
    throw new SpecError("LIMIT_EXCEEDED", segmentsOf(item.at), `has ${found}`);
  }
  if (item.value.includes("\0")) throw problem(item.at, "must not contain a NUL character");
  if (!item.value.isWellFormed()) {
    throw problem(item.at, "must not contain half a character (a lone surrogate)");
  }
  return item.value;
}

/** A text field that must be there and not be empty. */
export function readRequiredText(
  fields: Fields,
  name: string,
  around: Item,
  lengthMax: number = LABEL_LENGTH_MAX,
): string {
  const text = readText(fields.get(name), lengthMax);
  if (text === "") throw problem({ parent: around.at, key: name }, "is required");
  return text;
}

/** A boolean field, false when it is absent. */
export function readBoolean(item: Item | undefined): boolean {
  if (item === undefined || item.value === null) return false;
  if (typeof item.value === "boolean") return item.value;
  throw problem(item.at, `must be true or false, got ${describe(item.value)}`);
}

/** Whether a field is there and not what protobuf leaves out anyway. */
export function isSet(item: Item | undefined): item is Item {
  if (item === undefined) return false;
  const { value } = item;
  if (value === null || value === false || value === 0 || value === "") return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** Any value as JSON text; whole numbers past 2^53, which come as bigint, keep their digits. */
export function readJson(item: Item): string {
  const { value } = item;
  if (typeof value === "string") return JSON.stringify(value);
  return jsonOf(value, item.at, 0);
}

function jsonOf(value: unknown, at: Place | undefined, depth: number): string {
  if (depth > VALUE_DEPTH_MAX) throw problem(at, `is nested deeper than ${VALUE_DEPTH_MAX} levels`);
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      if (Number.isFinite(value)) return JSON.stringify(value);
      throw problem(at, `must be a JSON value, got ${value}`);
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) {
        return `[${value
          .map((inner, key) => jsonOf(inner, { parent: at, key }, depth + 1))
          .join(",")}]`;
      }
      if (isPlainObject(value)) {
        return `{${Object.entries(value)
          .map(
            ([key, inner]) =>
              `${JSON.stringify(key)}:${jsonOf(inner, { parent: at, key }, depth + 1)}`,
          )
          .join(",")}}`;
      }
  }
  throw problem(at, "must be a JSON value");
}

export function problem(at: Place | undefined, what: string): SpecError {
  return new SpecError("SPEC_INVALID", segmentsOf(at), what);
}

export function warn(reading: Reading, code: string, message: string): void {
  if (reading.warnings.length < SPEC_WARNINGS_MAX) reading.warnings.push({ code, message });
}

/** Throws SpecError for what is wrong with a name, unless it was accepted before. */
export function requireName(
  { purpose }: Reading,
  at: Place | undefined,
  found: string | undefined,
): void {
  if (found !== undefined && purpose === "new") throw problem(at, found);
}

export function refuse(reading: Reading, at: Place | undefined, feature: string): void {
  reading.unsupported.push({ path: segmentsOf(at), feature });
}

export function segmentsOf(at: Place | undefined): PathSegments {
  const segments: (string | number)[] = [];
  for (let place = at; place !== undefined; place = place.parent) segments.push(place.key);
  return segments.reverse();
}

export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return JSON.stringify(excerpt(String(value)));
}

function entriesOf(item: Item, what: string): [string, unknown][] {
  if (isPlainObject(item.value)) return Object.entries(item.value);
  throw problem(item.at, `must be an object (${what}), got ${describe(item.value)}`);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
  );
}

function tooMany(what: string, count: number, max: number): string {
  return `has ${count} entries (${what}), more than the ${max} allowed`;
}
