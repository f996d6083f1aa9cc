import { eastAsianWidth } from "get-east-asian-width";

/** Made when a text needs it: most commands never do. */
let segmenter: Intl.Segmenter | undefined;
/** Most texts: as many columns as characters. */
const NARROW = /^[\x20-\x7e]*$/;
const INVISIBLE = /^[\p{Cc}\p{Cf}\p{Mn}\p{Me}]/u;
/** An emoji by itself, or a character that asks to be shown as one. */
const EMOJI = /^\p{Emoji_Presentation}|\ufe0f/u;

/** How many columns of a terminal a plain text takes. */
export function widthOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmentsOf(text)) width += segmentWidth(segment);
  return width;
}

/** Cuts a plain text to a number of columns, with an ellipsis where something is missing. */
export function cut(text: string, columns: number): string {
  // A code unit takes two columns at most.
  if (text.length * 2 <= columns || widthOf(text) <= columns) return text;
  let shown = "";
  let room = columns - 1;
  for (const { segment } of segmentsOf(text)) {
    room -= segmentWidth(segment);
    if (room < 0) break;
    shown += segment;
  }
  return columns < 1 ? "" : `${shown}…`;
}

/** Fills a plain text up with blanks to a number of columns. */
export function padTo(text: string, columns: number): string {
  return text + " ".repeat(Math.max(columns - widthOf(text), 0));
}

function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return segmenter.segment(text);
}

function segmentWidth(segment: string): number {
  if (EMOJI.test(segment)) return 2;
  return INVISIBLE.test(segment) ? 0 : eastAsianWidth(segment.codePointAt(0) ?? 0);
}
