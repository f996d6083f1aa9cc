import { stripVTControlCharacters } from "node:util";

/** C0 and C1 controls, and what changes the direction of a text. */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const BACKSPACE = "\b";

/**
 * A text as a terminal may be given it: without anything that moves the cursor, colours, rings or
 * asks. Of a line that was written over, what was written last.
 */
export function plainText(text: string): string {
  return text.split("\n").map(plainLine).join("\n");
}

/** The first line that says something, plain. */
export function plainFirstLine(text: string): string {
  return plainText(text).trim().split("\n", 1)[0] ?? "";
}

function plainLine(line: string): string {
  const segments = stripVTControlCharacters(line).split("\r");
  const shown = segments.findLast((segment) => segment.trim() !== "") ?? "";
  const text = shown.includes(BACKSPACE) ? withoutErased(shown) : shown;
  return text.replaceAll(/[\t\u2028\u2029]/g, " ").replaceAll(CONTROLS, "");
}

/** A backspace takes back the character before it, as spinners use it. */
function withoutErased(text: string): string {
  const kept: string[] = [];
  for (const character of text) {
    if (character === BACKSPACE) kept.pop();
    else kept.push(character);
  }
  return kept.join("");
}
