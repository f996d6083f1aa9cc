export type JsonKind = "null" | "boolean" | "number" | "string" | "list" | "struct";

/** What a valid JSON text holds, told by its first character. */
export function jsonKind(json: string): JsonKind {
  switch (json.charCodeAt(firstOf(json))) {
    case 0x22:
      return "string";
    case 0x5b:
      return "list";
    case 0x7b:
      return "struct";
    case 0x74:
    case 0x66:
      return "boolean";
    case 0x6e:
      return "null";
    default:
      return "number";
  }
}

/** Whether a text is one JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // A syntax error is the answer.
    return false;
  }
}

/**
 * A value as it appears within a text: a string without its quotes, a number in its shortest
 * form, lists and structs as compact JSON, null as nothing.
 */
export function jsonToPlainText(json: string): string {
  switch (jsonKind(json)) {
    case "string": {
      const text: unknown = JSON.parse(json);
      return String(text);
    }
    case "number":
      return shortestNumber(json.trim());
    case "null":
      return "";
    case "boolean":
      return json.trim();
    case "list":
    case "struct":
      return compactJson(json);
  }
}

/** Removes the white space between tokens; numbers keep the digits they were written with. */
export function compactJson(json: string): string {
  if (!/\s/.test(json)) return json;
  let compact = "";
  let from = 0;
  let at = 0;
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(json, at);
    } else if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      compact += json.slice(from, at);
      at += 1;
      from = at;
    } else {
      at += 1;
    }
  }
  return compact + json.slice(from);
}

/** Position after the string that begins at `start`. */
export function endOfString(json: string, start: number): number {
  let end = start + 1;
  while (end < json.length) {
    const code = json.charCodeAt(end);
    if (code === 0x22) return end + 1;
    end += code === 0x5c ? 2 : 1;
  }
  return json.length;
}

/** Whether two JSON texts are the same value. */
export function sameJson(left: string, right: string): boolean {
  if (left === right) return true;
  const kind = jsonKind(left);
  if (kind !== jsonKind(right)) return false;
  if (kind === "list" || kind === "struct") {
    return sortedJson(JSON.parse(left)) === sortedJson(JSON.parse(right));
  }
  return jsonToPlainText(left) === jsonToPlainText(right);
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** A whole number keeps its digits, however many; `3.0` becomes `3`. */
function shortestNumber(text: string): string {
  if (/^-?\d+$/.test(text)) return text;
  const whole = /^(-?\d+)\.0+$/.exec(text);
  return whole?.[1] ?? plainDecimal(Number(text));
}

/** Without an exponent, as long as that stays readable. */
function plainDecimal(value: number): string {
  const text = String(value);
  const exponent = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (exponent === null) return text;
  const [, sign = "", head = "", tail = "", power = "0"] = exponent;
  const shift = Number(power);
  const digits = head + tail;
  if (shift < 0) return `${sign}0.${"0".repeat(-shift - head.length)}${digits}`;
  return sign + digits.padEnd(head.length + shift, "0");
}

function firstOf(json: string): number {
  let at = 0;
  while (at < json.length && json.charCodeAt(at) <= 0x20) at += 1;
  return at;
}
/** Whether lists and objects stand within each other deeper than `depthMax`. */
export function isDeep(json: string, depthMax: number): boolean {
  // Every level takes two characters, so most values need no look.
  if (json.length <= 2 * depthMax) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === 0x22) at = endOfString(json, at) - 1;
    else if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x5d || code === 0x7d) depth -= 1;
    if (depth > depthMax) return true;
  }
  return false;
}
