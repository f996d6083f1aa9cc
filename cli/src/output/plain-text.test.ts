import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { plainFirstLine, plainText } from "./plain-text.ts";

const cases: readonly (readonly [string, string, string])[] = [
  ["colours and cursor moves", "\u001b[31mred\u001b[0m\u001b[2J\u001b[10;10H", "red"],
  ["a title set with OSC", "\u001b]0;owned\u0007text", "text"],
  ["a link", "\u001b]8;;https://a.example\u001b\\here\u001b]8;;\u001b\\", "here"],
  ["an OSC that never ends", "\u001b]0;owned", ";owned"],
  ["one-byte controls of the C1 range", "a\u009b31mb\u0085", "ab"],
  ["a bell, a shift, a delete", "a\u0007\u000eb\u007f", "ab"],
  ["a backspace, which takes back", "50%\b\b\b51%", "51%"],
  ["a tab", "a\tb", "a b"],
  ["a line written over", "10%\r20%\r30%", "30%"],
  ["a line written over and returned", "30%\r\u001b[K\r", "30%"],
  ["a change of direction", "a\u202eb\u2066c", "abc"],
  ["several lines", "a\u0007\nb\r", "a\nb"],
];

describe("plainText", () => {
  for (const [name, text, plain] of cases) {
    it(`takes away ${name}`, () => assert.equal(plainText(text), plain));
  }

  it("leaves every script alone", () => {
    for (const text of ["größe", "漢字", "👩‍👩‍👧", "e\u0301", "العربية"]) {
      assert.equal(plainText(text), text);
    }
  });

  it("gives the first line that says something", () => {
    assert.equal(plainFirstLine("\n\u001b[1m \n  why\nmore"), "why");
  });
});
