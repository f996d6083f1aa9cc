export interface JsonScan {
  /** The first key that stands twice in one object, which JSON.parse would pass over in silence. */
  readonly repeatedKey: { readonly key: string; readonly line: number } | undefined;
  readonly depth: number;
  /** Whether some number may have more digits than a double keeps. */
  readonly largeNumbers: boolean;
}

const DIGITS_EXACT_MAX = 15;

/** Looks over a text that JSON.parse has accepted for what its result does not show. */
export function scanJson(text: string): JsonScan {
  let largeNumbers = false;
  let depth = 0;
  // The keys of each object that is open; undefined for a list.
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const start = at;
      at = endOfString(text, at);
      const keys = open.at(-1);
      if (!keyNext || keys === undefined) continue;
      keyNext = false;
      const key = keyAt(text, start, at);
      if (keys.has(key)) {
        return { repeatedKey: { key, line: lineAt(text, start) }, depth, largeNumbers };
      }
      keys.add(key);
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      open.push(code === OPEN_OBJECT ? new Set() : undefined);
      depth = Math.max(depth, open.length);
      keyNext = code === OPEN_OBJECT;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      open.pop();
    } else if (code === COMMA) {
      keyNext = open.at(-1) !== undefined;
    } else if (code >= ZERO && code <= NINE) {
      const start = at;
      while (isDigit(text.charCodeAt(at + 1))) at += 1;
      if (at - start >= DIGITS_EXACT_MAX) largeNumbers = true;
    }
    at += 1;
  }
  return { repeatedKey: undefined, depth, largeNumbers };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const ZERO = 0x30;
const NINE = 0x39;

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    at += code === BACKSLASH ? 2 : 1;
  }
  return text.length;
}

/** Two spellings of one key are the same key. */
function keyAt(text: string, start: number, end: number): string {
  const raw = text.slice(start, end);
  if (!raw.includes("\\")) return raw.slice(1, -1);
  const key: unknown = JSON.parse(raw);
  return String(key);
}

function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < position; at = text.indexOf("\n", at + 1)) {
    line += 1;
  }
  return line;
}
