import { StateError } from "@tidemill/errors";
import { isObject, type LosslessValue, NumberText, parseLossless } from "./lossless-json.ts";

const TRUE_TEXTS: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE_TEXTS: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);
const NOT_FINITE: ReadonlySet<string> = new Set(["NaN", "Infinity", "-Infinity"]);
const SHOWN_CHARS_MAX = 100;

/**
 * The value in an output parameter's file, as JSON text, by the parameter's declared type. Throws
 * StateError OUTPUT_INVALID naming the parameter and what its file holds.
 */
export function parseParameterFile(name: string, type: string, text: string): string {
  const trimmed = text.trim();
  switch (type) {
    case "NUMBER_INTEGER":
      if (/^[+-]?\d+$/.test(trimmed)) return BigInt(trimmed.replace("+", "")).toString();
      break;
    case "NUMBER_DOUBLE":
      if (trimmed !== "" && Number.isFinite(Number(trimmed))) return doubleText(trimmed);
      break;
    case "BOOLEAN":
      if (TRUE_TEXTS.has(trimmed)) return "true";
      if (FALSE_TEXTS.has(trimmed)) return "false";
      break;
    case "LIST":
    case "STRUCT": {
      const value = tryParse(trimmed);
      if (value !== undefined && fits(type, value)) return JSON.stringify(value);
      break;
    }
    default:
      return JSON.stringify(text);
  }
  throw invalid(name, type, `its file holds ${shown(text)}`);
}

/** A value of the executor output, as JSON text. Throws StateError OUTPUT_INVALID. */
export function checkParameterValue(name: string, type: string, value: LosslessValue): string {
  const isNumber = type === "NUMBER_INTEGER" || type === "NUMBER_DOUBLE";
  // In Python a bool is an int, so a function that says int may return one.
  if (isNumber && typeof value === "boolean") return value ? "1" : "0";
  if (fits(type, value)) return JSON.stringify(value);
  throw invalid(name, type, `the component returned ${describe(value)}`);
}

function fits(type: string, value: LosslessValue): boolean {
  switch (type) {
    case "STRING":
      return typeof value === "string";
    case "BOOLEAN":
      return typeof value === "boolean";
    case "NUMBER_INTEGER":
      return value instanceof NumberText && Number.isInteger(Number(value.text));
    case "NUMBER_DOUBLE":
      return value instanceof NumberText;
    case "LIST":
      return Array.isArray(value);
    case "STRUCT":
      return isObject(value);
    default:
      return true;
  }
}

function doubleText(text: string): string {
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? text : String(Number(text));
}

function tryParse(text: string): LosslessValue | undefined {
  try {
    return parseLossless(text);
  } catch {
    // The caller reports the text itself, which says more than the parser does.
    return undefined;
  }
}

function shown(text: string): string {
  const cut = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
  return JSON.stringify(cut);
}

/** As JSON, but what JSON has no number for: that came as a string of its name. */
function describe(value: LosslessValue): string {
  const json = typeof value === "string" && NOT_FINITE.has(value) ? value : JSON.stringify(value);
  return json.length > SHOWN_CHARS_MAX ? `${json.slice(0, SHOWN_CHARS_MAX)}...` : json;
}

function invalid(name: string, type: string, found: string): StateError {
  return new StateError("OUTPUT_INVALID", `output parameter "${name}" must be a ${type}: ${found}`);
}
