/**
 * A number as it was written: a whole number is never rewritten as `3.0`, a large one loses no
 * digit.
 */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toJSON(): unknown {
    return rawJson.rawJSON(this.text);
  }
}

export type LosslessValue =
  | null
  | boolean
  | string
  | NumberText
  | readonly LosslessValue[]
  | { readonly [key: string]: LosslessValue };

// In V8 since 11.4; TypeScript's library does not know it yet.
const rawJson: { rawJSON(text: string): unknown } = JSON as never;
const NON_FINITE = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/**
 * Parses JSON, keeping numbers as text. Python writes NaN and Infinity, which JSON has not: they
 * become strings of that name. Throws SyntaxError.
 */
export function parseLossless(text: string): LosslessValue {
  try {
    return parse(text);
  } catch (error) {
    const mended = text.replace(NON_FINITE, (found) => (found[0] === '"' ? found : `"${found}"`));
    if (mended === text) throw error;
    return parse(mended);
  }
}

export function isObject(
  value: LosslessValue | undefined,
): value is { readonly [key: string]: LosslessValue } {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof NumberText)
  );
}

function parse(text: string): LosslessValue {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    return typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value;
  });
}
