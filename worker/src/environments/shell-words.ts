export type ShellToken =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "operator"; readonly text: string };

const OPERATORS = ["&&", "||", ";;", ";", "|", "&", "\n", "(", ")", "<", ">"] as const;

/**
 * Splits a shell script into words and operators as a POSIX shell would, expansions aside (a word
 * keeps its `$`). Enough to read commands that a program wrote; undefined when a quote stays open.
 */
export function shellTokens(script: string): readonly ShellToken[] | undefined {
  const tokens: ShellToken[] = [];
  let at = 0;
  while (at < script.length) {
    const operator = OPERATORS.find((candidate) => script.startsWith(candidate, at));
    if (operator !== undefined) {
      tokens.push({ kind: "operator", text: operator });
      at += operator.length;
    } else if (/[ \t\r]/.test(script.charAt(at))) {
      at += 1;
    } else if (script.startsWith("\\\n", at)) {
      at += 2;
    } else {
      const word = readWord(script, at);
      if (word === undefined) return undefined;
      tokens.push({ kind: "word", text: word.text });
      at = word.end;
    }
  }
  return tokens;
}

function readWord(script: string, start: number): { text: string; end: number } | undefined {
  let text = "";
  let at = start;
  while (at < script.length && !/[ \t\r\n&|;()<>]/.test(script.charAt(at))) {
    const character = script.charAt(at);
    if (character === "'") {
      const end = script.indexOf("'", at + 1);
      if (end < 0) return undefined;
      text += script.slice(at + 1, end);
      at = end + 1;
    } else if (character === '"') {
      const quoted = readDoubleQuoted(script, at + 1);
      if (quoted === undefined) return undefined;
      text += quoted.text;
      at = quoted.end;
    } else if (character === "\\") {
      text += script.charAt(at + 1);
      at += 2;
    } else {
      text += character;
      at += 1;
    }
  }
  return { text, end: at };
}

function readDoubleQuoted(
  script: string,
  start: number,
): { text: string; end: number } | undefined {
  let text = "";
  let at = start;
  while (at < script.length) {
    const character = script.charAt(at);
    if (character === '"') return { text, end: at + 1 };
    if (character === "\\" && /["\\$`\n]/.test(script.charAt(at + 1))) {
      text += script.charAt(at + 1);
      at += 2;
    } else {
      text += character;
      at += 1;
    }
  }
  return undefined;
}
