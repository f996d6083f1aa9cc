import { InvalidError, messageOf } from "@tidemill/errors";
import {
  CORE_SCHEMA,
  defineScalarTag,
  floatCoreTag,
  intCoreTag,
  loadAll,
  NOT_RESOLVED,
  type Schema,
  YAMLException,
} from "js-yaml";
import { scanJson } from "./scan-json.ts";

/** How deep lists and objects of a file may be nested. */
export const DOCUMENT_DEPTH_MAX = 100;

/** YAML aliases of one document. */
const ALIASES_MAX = 1_000;

/** How much larger than the file its content may become by aliases. */
const EXPANSION_MAX = 4;
const EXPANSION_FREE = 1024 * 1024;

export interface ParsedText {
  readonly documents: readonly unknown[];
  readonly format: "json" | "yaml";
}

/**
 * The documents of a YAML or JSON text. Whole numbers past 2^53 come as bigint. Throws InvalidError
 * SPEC_SYNTAX with the line for what is no YAML, for keys that stand twice and for what is built to
 * be larger than it looks.
 */
export function parseText(text: string): ParsedText {
  if (/^\s*[{[]/.test(text)) {
    const value = parseJson(text);
    if (value !== undefined) return { documents: [value], format: "json" };
  }
  let documents: readonly unknown[];
  try {
    documents = loadAll(text, {
      schema: SCHEMA,
      maxDepth: DOCUMENT_DEPTH_MAX,
      maxAliases: ALIASES_MAX,
      maxTotalMergeKeys: 0,
    });
  } catch (error) {
    throw yamlProblem(error);
  }
  requireBounded(documents, text.length * EXPANSION_MAX + EXPANSION_FREE);
  return { documents, format: "yaml" };
}

/** Undefined when the text is no JSON: then it may still be YAML. */
function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Whether this is wrong, the YAML parser will tell, with the line.
    return undefined;
  }
  const { repeatedKey, depth, largeNumbers } = scanJson(text);
  if (repeatedKey !== undefined) {
    throw syntax(repeatedKey.line, `the key "${repeatedKey.key.slice(0, 80)}" stands twice`);
  }
  if (depth > DOCUMENT_DEPTH_MAX) {
    throw syntax(undefined, `is nested deeper than ${DOCUMENT_DEPTH_MAX} levels`);
  }
  if (!largeNumbers) return value;
  return JSON.parse(text, (_key, inner: unknown, context?: { readonly source?: string }) => {
    if (typeof inner !== "number" || Number.isSafeInteger(inner)) return inner;
    const source = context?.source ?? "";
    return /^-?\d+$/.test(source) ? BigInt(source) : inner;
  });
}

// What the compiler's YAML writer (PyYAML, after YAML 1.1) takes for a number. It leaves all other
// texts without quotes, so `0987`, `1e3` and `0o14`, numbers in YAML 1.2, are texts here.
const INTEGER = /^[-+]?(?:0|[1-9][0-9]*)$/;
const FLOAT = /^(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?$|^[-+]?\.(?:inf|nan)$/i;

const integers = defineScalarTag<number | bigint>(intCoreTag.tagName, {
  implicit: intCoreTag.implicit,
  implicitFirstChars: intCoreTag.implicitFirstChars,
  identify: intCoreTag.identify,
  resolve: (source, isExplicit, tagName) => {
    if (!INTEGER.test(source) && !isExplicit) return NOT_RESOLVED;
    const value = intCoreTag.resolve(source, isExplicit, tagName);
    if (value === NOT_RESOLVED || Number.isSafeInteger(value)) return value;
    return INTEGER.test(source) ? BigInt(source.replace(/^\+/, "")) : value;
  },
});

const floats = defineScalarTag<number>(floatCoreTag.tagName, {
  implicit: floatCoreTag.implicit,
  implicitFirstChars: floatCoreTag.implicitFirstChars,
  identify: floatCoreTag.identify,
  resolve: (source, isExplicit, tagName) =>
    FLOAT.test(source) || isExplicit
      ? floatCoreTag.resolve(source, isExplicit, tagName)
      : NOT_RESOLVED,
});

const SCHEMA: Schema = CORE_SCHEMA.withTags(integers, floats);

function yamlProblem(error: unknown): InvalidError {
  if (error instanceof YAMLException) {
    const line = error.mark === undefined ? undefined : error.mark.line + 1;
    return syntax(line, error.reason, error);
  }
  return syntax(undefined, messageOf(error), error);
}

function syntax(line: number | undefined, problem: string, cause?: unknown): InvalidError {
  const where = line === undefined ? "" : `line ${line}: `;
  return new InvalidError(
    "SPEC_SYNTAX",
    `${where}the file cannot be read as YAML or JSON: ${problem}`,
    [],
    { cause },
  );
}

/** Aliases let a small file stand for a huge one, or for one without end. */
function requireBounded(documents: readonly unknown[], sizeMax: number): void {
  const open: unknown[] = [...documents];
  let size = 0;
  while (open.length > 0) {
    const value = open.pop();
    size += 1;
    if (typeof value === "string") size += value.length;
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        size += key.length;
        open.push(inner);
      }
    }
    if (size > sizeMax) {
      throw syntax(undefined, "its aliases make it many times larger than it is; write them out");
    }
  }
}
