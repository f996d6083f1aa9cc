import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import fc from "fast-check";
import { EMPTY_DIGEST } from "./digest.ts";
import { createTree, decodeTree, encodeTree, requireTreePath, type TreeFile } from "./tree.ts";

function file(path: string, options: Partial<TreeFile> = {}): TreeFile {
  return { path, blobDigest: EMPTY_DIGEST, sizeBytes: 0, executable: false, ...options };
}

const good = [
  "a",
  "a/b/c.txt",
  "ünïcode/文",
  ".hidden",
  "a b",
  "..a",
  "a..",
  "back\\slash",
  "x".repeat(255),
];
const bad: readonly [string, string][] = [
  ["an empty path", ""],
  ["an absolute path", "/etc/passwd"],
  ["a path that climbs out", "../x"],
  ["a path that climbs out later", "a/../../x"],
  ["a path that ends in ..", "a/.."],
  ["a dot part", "a/./b"],
  ["an empty part", "a//b"],
  ["a trailing slash", "a/"],
  ["a path that climbs out with backslashes", "a\\..\\..\\x"],
  ["NUL", "a\0b"],
  ["a lone surrogate", "a\ud800"],
  ["a part that no file system takes", "x".repeat(256)],
  ["a path that is too long", `${"a/".repeat(2048)}a`],
];

describe("a path in a tree", () => {
  for (const path of good) {
    it(`may be ${JSON.stringify(path.slice(0, 20))}`, () => requireTreePath(path));
  }
  for (const [name, path] of bad) {
    it(`may not be ${name}`, () => {
      assert.throws(
        () => requireTreePath(path),
        (error) => error instanceof InvalidError && error.reason === "BAD_TREE",
      );
    });
  }
});

describe("a tree", () => {
  it("has one text whatever the order of its files, sorted by bytes", () => {
    const files = [file("b"), file("a/z", { executable: true }), file("a-"), file("Z"), file("é")];
    const tree = createTree(files);
    const paths = tree.files.map((one) => one.path);
    assert.deepEqual(paths, ["Z", "a-", "a/z", "b", "é"]);
    const reversed = createTree(files.toReversed());
    assert.ok(encodeTree(reversed.files).equals(encodeTree(tree.files)));
  });

  it("is written as documented", () => {
    const text = encodeTree([file("a", { sizeBytes: 3 }), file("b", { executable: true })]);
    const expected = `a\0${3}\0${EMPTY_DIGEST}\nb\0${0}\0${EMPTY_DIGEST}\0x\n`;
    assert.equal(text.toString(), expected);
  });

  it("is read back as it was written, line feeds in names included", () => {
    const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((value) => {
      try {
        requireTreePath(value);
        return true;
      } catch {
        // Not a path: not what this property is about.
        return false;
      }
    });
    const one = fc.record({ path: name, sizeBytes: fc.maxSafeNat(), executable: fc.boolean() });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 20 }), (records) => {
        const files = records.map((record) => file(record.path, record));
        assert.deepEqual(decodeTree(encodeTree(files)), files);
      }),
    );
    assert.deepEqual(decodeTree(encodeTree([file("a\nb")])), [file("a\nb")]);
  });

  const clashes: readonly [string, readonly string[]][] = [
    ["the same path twice", ["a", "a"]],
    ["a file that is also a directory", ["a", "a/b"]],
    ["a file that is a directory further up", ["a/b/c/d", "a/b"]],
  ];
  for (const [name, paths] of clashes) {
    it(`refuses ${name}`, () => {
      assert.throws(() => createTree(paths.map((path) => file(path))), InvalidError);
    });
  }

  it("tells apart names that differ in case or in composition", () => {
    assert.equal(createTree([file("A"), file("a"), file("é"), file("e\u0301")]).files.length, 4);
  });
});
