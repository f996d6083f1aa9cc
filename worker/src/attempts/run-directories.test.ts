import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { RunDirectories } from "./run-directories.ts";

const DAY_S = 24 * 60 * 60;

describe("the directories of runs", () => {
  it("leave alone what lies at a path of the user's own", async () => {
    const directories = new RunDirectories(join(tempDir("runs"), "runs"));
    const path = join(tempDir("models"), "v1");
    mkdirSync(path);
    writeFileSync(join(path, "weights"), "precious");
    const mode = statSync(path).mode;
    await directories.stage("run", path, "digest", () => assert.fail("it would be replaced"));
    assert.equal(readFileSync(join(path, "weights"), "utf8"), "precious");
    assert.equal(statSync(path).mode, mode);
  });

  it("take in at such a path what is not there", async () => {
    const directories = new RunDirectories(join(tempDir("runs"), "runs"));
    const path = join(tempDir("models"), "v1");
    await directories.stage("run", path, "digest", async () => writeFileSync(path, "new"));
    assert.equal(readFileSync(path, "utf8"), "new");
  });

  it("give each of two that ask at once the content that it asked for", async () => {
    const root = join(tempDir("runs"), "runs");
    const directories = new RunDirectories(root);
    const path = join(root, "run", "minio", "x");
    mkdirSync(join(root, "run", "minio"), { recursive: true });
    const stage = (content: string) =>
      directories.stage("run", path, content, async () => {
        writeFileSync(`${path}.new`, content);
        renameSync(`${path}.new`, path);
      });
    const first = stage("one");
    await stage("two");
    await first;
    assert.equal(readFileSync(path, "utf8"), "two");
  });

  it("fetch an input again when somebody has touched it, and only then", async () => {
    const root = join(tempDir("runs"), "runs");
    const directories = new RunDirectories(root);
    const path = join(root, "run", "minio", "x");
    mkdirSync(join(root, "run", "minio"), { recursive: true });
    const causes: string[] = [];
    const stage = () =>
      directories.stage("run", path, "digest", async (cause) => {
        causes.push(cause);
        writeFileSync(`${path}.new`, "right");
        renameSync(`${path}.new`, path);
      });
    await stage();
    await stage();
    chmodSync(path, 0o644);
    writeFileSync(path, "wrong");
    await stage();
    await stage();
    assert.deepEqual(causes, ["missing", "changed"]);
    assert.equal(readFileSync(path, "utf8"), "right");
  });

  it("let one that waits for another's download try for itself when that fails", async () => {
    const root = join(tempDir("runs"), "runs");
    const directories = new RunDirectories(root);
    const path = join(root, "run", "x");
    mkdirSync(join(root, "run"));
    const stopped = directories.stage("run", path, "digest", async () => {
      throw new Error("stopped");
    });
    const other = directories.stage("run", path, "digest", async () => writeFileSync(path, "x"));
    await assert.rejects(stopped, /stopped/);
    await other;
    assert.equal(readFileSync(path, "utf8"), "x");
  });

  it("go when nobody has touched them for a week, whatever else lies beside them", async () => {
    const root = join(tempDir("runs"), "runs");
    const directories = new RunDirectories(root);
    directories.make("old", "attempt");
    directories.make("busy", "attempt");
    writeFileSync(join(root, ".DS_Store"), "");
    const nowS = Date.now() / 1000;
    for (const name of [".DS_Store", "old", "old/attempts", "busy"]) {
      utimesSync(join(root, name), nowS - 8 * DAY_S, nowS - 8 * DAY_S);
    }
    await directories.removeOld(nowS * 1000);
    assert.equal(existsSync(join(root, "old")), false);
    assert.equal(existsSync(join(root, "busy")), true);
    assert.equal(existsSync(join(root, ".DS_Store")), true);
  });
});
