import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { markContent, sealContent } from "./content-mark.ts";

function makeTree(): string {
  const tree = join(tempDir("mark"), "tree");
  mkdirSync(join(tree, "sub"), { recursive: true });
  writeFileSync(join(tree, "a"), "one");
  writeFileSync(join(tree, "sub", "b"), "two", { mode: 0o755 });
  symlinkSync("a", join(tree, "link"));
  return tree;
}

function unlocked(tree: string): string {
  for (const path of [tree, join(tree, "sub"), join(tree, "a")]) chmodSync(path, 0o755);
  return tree;
}

describe("the mark of content", () => {
  it("stays while it is only read", async () => {
    const tree = makeTree();
    const sealed = await sealContent(tree);
    readFileSync(join(tree, "a"));
    cpSync(tree, join(tempDir("mark"), "copy"), { recursive: true });
    assert.notEqual(sealed, undefined);
    assert.equal(await markContent(tree), sealed);
    assert.deepEqual(
      ["a", "sub/b", "sub", "."].map((name) => statSync(join(tree, name)).mode & 0o777),
      [0o444, 0o555, 0o555, 0o555],
    );
  });

  const changes: readonly [string, (tree: string) => void][] = [
    [
      "a file of the same size and times, written in place",
      (tree) => {
        const path = join(tree, "a");
        const { atime, mtime } = statSync(path);
        const { ctimeNs } = statSync(path, { bigint: true });
        // Some kernels count these times in steps of milliseconds, which no task is faster than.
        while (statSync(path, { bigint: true }).ctimeNs === ctimeNs) {
          writeFileSync(path, "uno");
          utimesSync(path, atime, mtime);
        }
      },
    ],
    ["a longer file", (tree) => appendFileSync(join(tree, "a"), "!")],
    [
      "a file put in another's place",
      (tree) => {
        writeFileSync(join(tree, "new"), "one");
        renameSync(join(tree, "new"), join(tree, "a"));
      },
    ],
    ["a file more", (tree) => writeFileSync(join(tree, "sub", "c"), "")],
    ["a file less", (tree) => rmSync(join(tree, "sub", "b"))],
    ["a file moved", (tree) => renameSync(join(tree, "sub", "b"), join(tree, "b"))],
    [
      "a link that leads elsewhere",
      (tree) => {
        rmSync(join(tree, "link"));
        symlinkSync("sub/b", join(tree, "link"));
      },
    ],
  ];
  for (const [name, change] of changes) {
    it(`shows ${name}`, async () => {
      const tree = makeTree();
      await sealContent(tree);
      const mark = await markContent(unlocked(tree));
      change(tree);
      assert.notEqual(await markContent(tree), mark);
    });
  }

  const unstored: readonly [string, (tree: string) => void][] = [
    ["an empty directory", (tree) => mkdirSync(join(tree, "sub", "empty"))],
    ["a link to nothing", (tree) => symlinkSync("nowhere", join(tree, "broken"))],
  ];
  for (const [name, add] of unstored) {
    it(`is none where ${name} lies, which is not stored`, async () => {
      const tree = makeTree();
      add(tree);
      assert.equal(await sealContent(tree), undefined);
    });
  }

  it("is there for a directory that is all empty, which is", async () => {
    assert.notEqual(await sealContent(tempDir("mark")), undefined);
  });

  it("is none where nothing is, or a link", async () => {
    const link = join(tempDir("mark"), "link");
    symlinkSync(makeTree(), link);
    assert.equal(await sealContent(link), undefined);
    assert.equal(await markContent(join(tempDir("mark"), "missing")), undefined);
  });
});
