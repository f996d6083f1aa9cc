import type { PipelineParameter } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import { usageError } from "./usage-error.ts";

/** What JSON takes for a number. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Parameters of a run as name to JSON text. Values of `-p name=value` are read by the type that the
 * pipeline declares, those of a file are JSON already; `-p` wins. Numbers keep all their digits.
 * Throws a usage error that names the parameter, its value and what would be accepted.
 */
export function readParameters(
  declared: readonly PipelineParameter[],
  assignments: readonly string[],
  fileText: string | undefined,
): Record<string, string> {
  const values: Record<string, string> = fileText === undefined ? {} : readFileValues(fileText);
  for (const assignment of assignments) {
    const at = assignment.indexOf("=");
    if (at < 1) throw usageError(`-p ${JSON.stringify(assignment)}: write it as name=value`);
    const name = assignment.slice(0, at);
    const parameter = declared.find((candidate) => candidate.name === name);
    if (parameter === undefined) throw unknownParameter(name, declared);
    values[name] = readValue(parameter, assignment.slice(at + 1));
  }
  for (const name of Object.keys(values)) {
    if (!declared.some((parameter) => parameter.name === name)) {
      throw unknownParameter(name, declared);
    }
  }
  return values;
}

function readFileValues(text: string): Record<string, string> {
  const parsed = parseKeepingNumbers(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw usageError("--params: the file must hold one JSON object, name to value");
  }
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => [name, JSON.stringify(value)]),
  );
}

function readValue(parameter: PipelineParameter, text: string): string {
  // A text may say null and mean it; a file of parameters tells the two apart.
  if (parameter.optional && parameter.type !== "STRING" && text.trim() === "null") return "null";
  switch (parameter.type) {
    case "STRING":
      return JSON.stringify(text);
    case "NUMBER_INTEGER":
      if (!/^[+-]?\d+$/.test(text.trim())) throw wrongType(parameter, text, "a whole number");
      return wholeNumber(text.trim());
    case "NUMBER_DOUBLE":
      if (text.trim() === "" || !Number.isFinite(Number(text))) {
        throw wrongType(parameter, text, "a number");
      }
      return JSON_NUMBER.test(text.trim()) ? text.trim() : JSON.stringify(Number(text));
    case "BOOLEAN":
      if (!/^(true|false)$/i.test(text.trim())) throw wrongType(parameter, text, "true or false");
      return text.trim().toLowerCase();
    case "LIST":
      if (!Array.isArray(parseJson(text))) {
        throw wrongType(parameter, text, "a JSON list such as [1, 2]");
      }
      return text;
    case "STRUCT": {
      const value = parseJson(text);
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        throw wrongType(parameter, text, 'a JSON object such as {"a": 1}');
      }
      return text;
    }
    default:
      // A type that this version does not know: JSON when it is JSON, and else a string.
      return parseJson(text) === undefined ? JSON.stringify(text) : text;
  }
}

/** Without what JSON does not know: a plus, and zeros that say nothing. */
function wholeNumber(text: string): string {
  return text.replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1");
}

// In V8 since 11.4; TypeScript's library does not know it yet.
const rawJson: { rawJSON(text: string): unknown } = JSON as never;

/** Numbers come as what `JSON.stringify` writes as they were read. */
function parseKeepingNumbers(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
      const source = context?.source;
      return typeof value === "number" && source !== undefined ? rawJson.rawJSON(source) : value;
    });
  } catch {
    // The caller says what would have been accepted.
    return undefined;
  }
}

/** Undefined when it is no JSON; `undefined` itself is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says what would have been accepted.
    return undefined;
  }
}

function wrongType(parameter: PipelineParameter, text: string, wanted: string) {
  return usageError(`-p ${parameter.name}=${text}: ${parameter.type} takes ${wanted}`);
}

function unknownParameter(name: string, declared: readonly PipelineParameter[]) {
  const known = declared.map((parameter) => parameter.name).join(", ");
  return usageError(
    `the pipeline has no parameter "${name}"; it has ${known === "" ? "none" : known}`,
  );
}
