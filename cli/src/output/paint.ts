/** Colours by meaning, so that no command picks one by itself. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  busy(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

const sgr = (code: number, text: string) => `\u001b[${code}m${text}\u001b[0m`;
const plain = (text: string) => text;

export function paintOf(colors: boolean): Paint {
  if (!colors) return { good: plain, bad: plain, busy: plain, faint: plain, strong: plain };
  return {
    good: (text) => sgr(32, text),
    bad: (text) => sgr(31, text),
    busy: (text) => sgr(36, text),
    faint: (text) => sgr(2, text),
    strong: (text) => sgr(1, text),
  };
}
