const LINES_MAX = 8;
/** A stack frame: it says little to whoever waits for the mesh, and is in the log file. */
const isFrame = /^\s+at /;
/** The message ends an entry of a log; the beginning of a long one may be cut off. */
const entryMessage = /"message":("(?:[^"\\]|\\.)*")\}$/;
const isError = /"level":"error"/;

/**
 * Why a process ended, from the last bytes that it wrote: the message of its last error, or of its
 * last entry; of a process that does not write entries, its last lines without stack frames.
 */
export function lastWords(tail: string): string {
  const lines = tail.split("\n").filter((line) => line.trim() !== "");
  const entries = lines.flatMap((line) => {
    const message = messageIn(line);
    return message === undefined ? [] : [{ message, isError: isError.test(line) }];
  });
  const entry = entries.findLast((candidate) => candidate.isError) ?? entries.at(-1);
  if (entry !== undefined && messageIn(lines.at(-1) ?? "") !== undefined) return entry.message;
  const plain = lines.filter((line) => !isFrame.test(line) && messageIn(line) === undefined);
  return plain.slice(-LINES_MAX).join("\n  ");
}

function messageIn(line: string): string | undefined {
  const literal = entryMessage.exec(line)?.[1];
  return literal === undefined ? undefined : JSON.parse(literal);
}
