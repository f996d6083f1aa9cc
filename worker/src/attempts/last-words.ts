const TRACEBACK = /^( {2}\+ Exception Group )?Traceback \(most recent call last\):$/;
/** What a group of exceptions has before each of its lines. */
const GROUP_MARGIN = /^ {2}\| /;
const SHOWN_CHARS = 500;
const LAST_LINE_CHARS = 150;
const GAP = " … ";

/**
 * What a task that failed said of it, in one line: how Python's last traceback names the exception,
 * whatever the message goes on to say, and the last line. Without a traceback that line alone.
 */
export function lastWords(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trimEnd());
  const at = lines.findLastIndex((line) => line.trim() !== "");
  if (at < 0) return "";
  const last = (lines[at] ?? "").trim();
  const exception = exceptionIn(lines, at);
  if (exception === undefined || exception.at === at) {
    return (exception?.text ?? last).slice(0, SHOWN_CHARS);
  }
  const end = `${GAP}${last.slice(0, LAST_LINE_CHARS)}`;
  return `${exception.text.slice(0, SHOWN_CHARS - end.length)}${end}`;
}

/** The exception that the last traceback is of, and the line that what is said of it ends in. */
function exceptionIn(
  lines: readonly string[],
  last: number,
): { readonly text: string; readonly at: number } | undefined {
  const header = lines.findLastIndex((line) => TRACEBACK.test(line));
  if (header < 0) return undefined;
  const inner = lines.map((line) => line.replace(GROUP_MARGIN, ""));
  // Frames are indented; what follows them is not.
  const start = inner.findIndex((line, index) => index > header && /^\S/.test(line));
  if (start < 0 || start > last) return undefined;
  const text = inner[start] ?? "";
  if (!text.endsWith(":")) return { text, at: start };
  // A message that begins with an empty line, as texts in triple quotes do.
  const next = inner.findIndex((line, index) => index > start && line.trim() !== "");
  return next < 0 ? { text, at: start } : { text: `${text} ${inner[next]?.trim()}`, at: next };
}
