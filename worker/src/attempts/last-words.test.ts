import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lastWords } from "./last-words.ts";

const TRACEBACK = `Traceback (most recent call last):
  File "/app/ephemeral_component.py", line 9, in step
    check(table)
    ~~~~~^^^^^^^
`;

describe("the last words of a task", () => {
  const cases: readonly [name: string, stderr: string, words: string][] = [
    ["are none when it said none", "\n  \n", ""],
    ["are its last line", "one\nsh: no-such: not found\n\n", "sh: no-such: not found"],
    ["are the exception", `${TRACEBACK}ValueError: no such column\n`, "ValueError: no such column"],
    [
      "keep the type and reason of an exception of several lines",
      `${TRACEBACK}pkg.TableError: 2 problems:\n  - "a" is empty\n\n  - "b" is text\n`,
      'pkg.TableError: 2 problems: - "a" is empty … - "b" is text',
    ],
    [
      "join what begins on a line of its own",
      `${TRACEBACK}ValueError:\n\n    the table is empty\n    `,
      "ValueError: the table is empty",
    ],
    [
      "are of the exception that ended it, not of the one that caused that",
      `${TRACEBACK}KeyError: 'a'\n\nDuring handling of the above exception, another exception ` +
        `occurred:\n\n${TRACEBACK}ValueError: no a\n`,
      "ValueError: no a",
    ],
    [
      "are of the whole group of exceptions",
      `  + Exception Group Traceback (most recent call last):
  |   File "x.py", line 1, in <module>
  |     raise ExceptionGroup("two of them", found)
  | ExceptionGroup: two of them (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "x.py", line 2, in <module>
    | ValueError: a
    +------------------------------------
`,
      "ExceptionGroup: two of them (2 sub-exceptions) … +------------------------------------",
    ],
    [
      "say as well what came after a traceback that was only logged",
      `${TRACEBACK}ValueError: tried again\ngiving up: no table\n`,
      "ValueError: tried again … giving up: no table",
    ],
    ["are no traceback that breaks off", TRACEBACK, "~~~~~^^^^^^^"],
  ];
  for (const [name, stderr, words] of cases) it(name, () => assert.equal(lastWords(stderr), words));

  it("are cut, and the end of them kept", () => {
    const words = lastWords(`${TRACEBACK}ValueError: ${"x".repeat(5_000)}\nthe end\n`);
    assert.equal(words.length, 500);
    assert.match(words, /^ValueError: x+ … the end$/);
  });
});
