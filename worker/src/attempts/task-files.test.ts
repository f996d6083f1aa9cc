import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { followLinks, openTaskFile, readTaskText } from "./task-files.ts";

const work = tempDir("work");
const outside = join(tempDir("outside"), "secret");
writeFileSync(outside, "secret");
writeFileSync(join(work, "text"), "hello");
mkdirSync(join(work, "directory"));
execFileSync("mkfifo", [join(work, "pipe")]);
symlinkSync(outside, join(work, "link-out"));
symlinkSync("/dev/zero", join(work, "link-device"));
symlinkSync("nowhere", join(work, "link-broken"));
symlinkSync("loop", join(work, "loop"));
symlinkSync("text", join(work, "link-in"));
symlinkSync(tempDir("other"), join(work, "sideways"));

const read = (name: string) => readTaskText(join(work, name), [work]);

describe("a file that a task has left", () => {
  it("is read, also through a link to another one of the task's", async () => {
    assert.equal(await read("text"), "hello");
    assert.equal(await read("link-in"), "hello");
  });

  it("is none when nothing is there", async () => {
    for (const name of ["missing", "link-broken", "loop", "text/below"]) {
      assert.equal(await read(name), undefined, name);
    }
  });

  it("is refused without waiting for it when it is no file", async () => {
    for (const name of ["pipe", "directory"]) {
      await assert.rejects(read(name), { reason: "OUTPUT_INVALID", message: /it is no file/ });
    }
  });

  it("is refused when a link leads to what is not the task's", async () => {
    for (const name of ["link-out", "link-device", "sideways"]) {
      await assert.rejects(read(name), {
        reason: "ARTIFACT_PATH_INVALID",
        message: /is a link to/,
      });
      assert.throws(() => followLinks(join(work, name), [work]), {
        reason: "ARTIFACT_PATH_INVALID",
      });
    }
  });

  it("is found where the task's own directory is reached through a link", async () => {
    const alias = join(tempDir("alias"), "work");
    symlinkSync(work, alias);
    assert.equal(await readTaskText(join(alias, "link-in"), [alias]), "hello");
  });

  it("is refused when it is larger than memory should take", async () => {
    const path = join(work, "sparse");
    writeFileSync(path, "");
    truncateSync(path, 1024 ** 4);
    await assert.rejects(read("sparse"), { reason: "OUTPUT_INVALID", message: /1099511627776/ });
  });

  it("is opened only when it is a plain one", () => {
    const file = openTaskFile(join(work, "text"));
    assert.ok(file !== undefined);
    assert.equal(readFileSync(file, "utf8"), "hello");
    closeSync(file);
    for (const name of ["pipe", "directory", "link-in", "link-out", "link-broken", "missing"]) {
      assert.equal(openTaskFile(join(work, name)), undefined, name);
    }
  });
});
