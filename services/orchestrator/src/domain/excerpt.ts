/** Characters of a value that a message shows. */
const EXCERPT_LENGTH_MAX = 80;

/**
 * The beginning of a text for a message. Never ends in the middle of a character and lets no half
 * one through: what cannot be written as UTF-8 would come back changed from the journal.
 */
export function excerpt(text: string, lengthMax: number = EXCERPT_LENGTH_MAX): string {
  if (text.length <= lengthMax) return text.toWellFormed();
  const cut = isHighSurrogate(text.charCodeAt(lengthMax - 1)) ? lengthMax - 1 : lengthMax;
  return `${text.slice(0, cut).toWellFormed()}...`;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
