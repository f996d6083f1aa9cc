import { InvalidError } from "@tidemill/errors";
import { excerpt } from "./excerpt.ts";
import { type Piece, parseTemplate, type Template } from "./placeholders.ts";

/** An argument of a command as the compiler wrote it: a text, or a structure that makes texts. */
export type ArgumentPlan =
  | { readonly kind: "text"; readonly template: Template }
  /** All of them joined to one argument. */
  | { readonly kind: "concat"; readonly items: readonly ArgumentPlan[] }
  /** None to many arguments, by whether the input was given. */
  | {
      readonly kind: "ifPresent";
      readonly input: string;
      readonly present: readonly ArgumentPlan[];
      readonly absent: readonly ArgumentPlan[];
    };

/** How deep Concat and IfPresent may stand within each other. */
const ARGUMENT_DEPTH_MAX = 64;

const STRUCTURE = /^\s*\{\s*"(?:IfPresent|Concat)"\s*:/;

/** Throws InvalidError when a text begins as Concat or IfPresent and is not well formed. */
export function parseArgument(text: string, isKnown?: (piece: Piece) => boolean): ArgumentPlan {
  if (!STRUCTURE.test(text)) {
    return { kind: "text", template: parseTemplate(text, isKnown).template };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`is not valid JSON: ${excerpt(text)}`, error);
  }
  return parseStructure(value, 0);
}

/** The arguments that come of one: structures are expanded first, then placeholders. */
export function expandArgument(
  argument: ArgumentPlan,
  isPresent: (input: string) => boolean,
): Template[] {
  switch (argument.kind) {
    case "text":
      return [argument.template];
    case "concat":
      return [argument.items.flatMap((item) => expandArgument(item, isPresent).flat())];
    case "ifPresent":
      return (isPresent(argument.input) ? argument.present : argument.absent).flatMap((item) =>
        expandArgument(item, isPresent),
      );
  }
}

/** Every text and every input name in an argument, for checks. */
export function visitArgument(
  argument: ArgumentPlan,
  visit: { text(template: Template): void; input(name: string): void },
): void {
  switch (argument.kind) {
    case "text":
      visit.text(argument.template);
      return;
    case "concat":
      for (const item of argument.items) visitArgument(item, visit);
      return;
    case "ifPresent":
      visit.input(argument.input);
      for (const item of argument.present) visitArgument(item, visit);
      for (const item of argument.absent) visitArgument(item, visit);
  }
}

function parseStructure(value: unknown, depth: number): ArgumentPlan {
  if (depth > ARGUMENT_DEPTH_MAX) {
    throw invalid(`is nested deeper than ${ARGUMENT_DEPTH_MAX} levels`);
  }
  if (typeof value === "string") return { kind: "text", template: parseTemplate(value).template };
  if (!isObject(value)) throw invalid(`holds ${excerpt(JSON.stringify(value))}`);
  const [key, ...more] = Object.keys(value);
  const content = key === undefined ? undefined : value[key];
  if (key === "Concat" && more.length === 0 && Array.isArray(content)) {
    return { kind: "concat", items: content.map((item) => parseStructure(item, depth + 1)) };
  }
  if (key === "IfPresent" && more.length === 0 && isObject(content)) {
    const input = content.InputName;
    if (typeof input !== "string" || content.Then === undefined) {
      throw invalid(`needs InputName and Then: ${excerpt(JSON.stringify(value))}`);
    }
    return {
      kind: "ifPresent",
      input,
      present: parseBranch(content.Then, depth + 1),
      absent: content.Else === undefined ? [] : parseBranch(content.Else, depth + 1),
    };
  }
  throw invalid(`holds ${excerpt(JSON.stringify(value))}`);
}

function parseBranch(value: unknown, depth: number): ArgumentPlan[] {
  if (value === null) return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => parseStructure(item, depth));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(what: string, cause?: unknown): InvalidError {
  return new InvalidError(
    "INVALID_ARGUMENT_STRUCTURE",
    `an argument begins as Concat or IfPresent but ${what}; ` +
      `expected {"Concat": [...]} or {"IfPresent": {"InputName", "Then", "Else"}}`,
    [],
    { cause },
  );
}
