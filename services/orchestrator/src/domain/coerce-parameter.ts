import { excerpt } from "./excerpt.ts";
import type { ParameterType } from "./ir.ts";
import { jsonKind, jsonToPlainText } from "./json-text.ts";
import { PARAMETER_INLINE_BYTES_MAX, type ParameterValue } from "./parameter-value.ts";
import { TaskFault } from "./task-fault.ts";

/**
 * A JSON text as a value of a type, or undefined when it is of another kind. STRING takes anything
 * as text; a whole number serves as either number; everything else must match.
 */
export function coerceJson(json: string, type: ParameterType): string | undefined {
  const kind = jsonKind(json);
  switch (type) {
    case "STRING":
      return kind === "string" ? json : JSON.stringify(jsonToPlainText(json));
    case "NUMBER_DOUBLE":
      return kind === "number" ? json : undefined;
    case "NUMBER_INTEGER":
      return kind === "number" ? wholeNumber(json) : undefined;
    case "BOOLEAN":
      return kind === "boolean" ? json : undefined;
    case "LIST":
      return kind === "list" ? json : undefined;
    case "STRUCT":
      return kind === "struct" ? json : undefined;
  }
}

/**
 * Like coerceJson for a value that stands in a specification. Writers of YAML differ in what needs
 * quotes, so a number may come as text there (`1e3`, `007`); where one is declared, it is one.
 */
export function coerceSpecJson(json: string, type: ParameterType): string | undefined {
  const isNumber = type === "NUMBER_DOUBLE" || type === "NUMBER_INTEGER";
  if (!isNumber || !NUMBER_AS_TEXT.test(json)) return coerceJson(json, type);
  const value = Number(json.slice(1, -1));
  return Number.isFinite(value) ? coerceJson(JSON.stringify(value), type) : undefined;
}

const NUMBER_AS_TEXT =
  /^"[-+]?(?:0[0-9]+|[0-9]+[eE][-+]?[0-9]+|[0-9]*\.[0-9]+[eE][0-9]+|-\.[0-9]+)"$/;

/**
 * Like coerceJson for a value that may lie in the artifact service: there it is never read, so it
 * passes only where its declared type already fits. Throws TaskFault: with the reason given for a
 * value of another kind, VALUE_TOO_LARGE for one that would have to be read.
 */
export function coerceOrFail(
  value: ParameterValue,
  from: ParameterType | undefined,
  to: ParameterType,
  { reason, what }: { readonly reason: string; readonly what: string },
): ParameterValue {
  if (value.kind === "blob") {
    if (from === to || from === undefined) return value;
    throw new TaskFault(
      "VALUE_TOO_LARGE",
      `${what} must be ${typeName(to)}, and the value of ${value.sizeBytes} bytes that it gets ` +
        `is too large to be converted (${PARAMETER_INLINE_BYTES_MAX} at most, ` +
        "PARAMETER_INLINE_BYTES_MAX): declare it with the type of what it comes from, or pass it " +
        "as an artifact",
    );
  }
  const json = coerceJson(value.json, to);
  if (json === undefined) {
    throw new TaskFault(reason, `${what} must be ${typeName(to)}, got ${excerpt(value.json)}`);
  }
  return json === value.json ? value : { kind: "json", json };
}

/** How a type is called in messages. */
export function typeName(type: ParameterType): string {
  return TYPE_NAMES[type];
}

const TYPE_NAMES: Readonly<Record<ParameterType, string>> = {
  STRING: "a string (STRING)",
  NUMBER_DOUBLE: "a number (NUMBER_DOUBLE)",
  NUMBER_INTEGER: "a whole number (NUMBER_INTEGER)",
  BOOLEAN: "true or false (BOOLEAN)",
  LIST: "a list (LIST)",
  STRUCT: "an object (STRUCT)",
};

/** A value shortened for a message. */
export function describeValue(value: ParameterValue): string {
  if (value.kind === "blob") return `a value of ${value.sizeBytes} bytes`;
  return excerpt(value.json);
}

/** `3`, `3.0` and `3e0` are whole; `3.5` is not. */
function wholeNumber(json: string): string | undefined {
  const text = jsonToPlainText(json);
  if (!/^-?\d+$/.test(text)) return undefined;
  return /^\s*-?\d+\s*$/.test(json) ? json : text;
}
