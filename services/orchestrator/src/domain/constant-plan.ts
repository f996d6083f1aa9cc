import { endOfString } from "./json-text.ts";
import { parseTemplate, type Template } from "./placeholders.ts";

/**
 * A constant of the IR. Where its strings hold placeholders, `parts` alternates between JSON text
 * and the templates of those strings, so that numbers in it keep the digits they were written with.
 */
export interface ConstantPlan {
  readonly json: string;
  /** Undefined when there is nothing to fill in. */
  readonly parts: readonly ConstantPart[] | undefined;
  /** Inputs of the same task that it mentions. */
  readonly references: readonly string[];
}

export type ConstantPart =
  | { readonly kind: "json"; readonly text: string }
  | { readonly kind: "string"; readonly template: Template };

export function compileConstant(json: string): ConstantPlan {
  if (!json.includes("{{$")) return { json, parts: undefined, references: [] };
  const parts: ConstantPart[] = [];
  const references = new Set<string>();
  let from = 0;
  for (const { start, end } of stringsOf(json)) {
    const raw = json.slice(start, end);
    if (!raw.includes("{{$")) continue;
    const text: unknown = JSON.parse(raw);
    if (typeof text !== "string") continue;
    const { template } = parseTemplate(text);
    if (template.every((piece) => piece.kind === "literal")) continue;
    for (const piece of template) {
      if (piece.kind === "inputParameter") references.add(piece.name);
    }
    if (start > from) parts.push({ kind: "json", text: json.slice(from, start) });
    parts.push({ kind: "string", template });
    from = end;
  }
  if (parts.length === 0) return { json, parts: undefined, references: [] };
  if (from < json.length) parts.push({ kind: "json", text: json.slice(from) });
  return { json, parts, references: [...references] };
}

/** Where the strings of a JSON text stand, quotes included. */
function* stringsOf(json: string): Generator<{ readonly start: number; readonly end: number }> {
  let start = json.indexOf('"');
  while (start !== -1) {
    const end = endOfString(json, start);
    yield { start, end };
    start = json.indexOf('"', end);
  }
}
