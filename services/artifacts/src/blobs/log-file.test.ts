import assert from "node:assert/strict";
import { link, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { OutOfRangeError, StateError } from "@tidemill/errors";
import { DurableDirectories } from "./durable-files.ts";
import { LogFile } from "./log-file.ts";

describe("the file of a log", () => {
  let directory: string;
  let count = 0;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "tidemill-log-file-"));
  });
  after(() => rm(directory, { recursive: true }));

  function optionsOf(path = join(directory, `run-${count++}`, "log")) {
    const directories = new DurableDirectories(directory);
    return { path, temporary: directory, directories, sizeBytesMax: 1000 };
  }

  async function append(file: LogFile, offset: number, text: string): Promise<void> {
    await file.durable(await file.exclusive(() => file.write(offset, Buffer.from(text))));
  }

  it("is made by its first byte", async () => {
    const options = optionsOf();
    const file = await LogFile.load(options);
    await append(file, 0, "");
    await assert.rejects(stat(options.path));
    await append(file, 0, "ab");
    assert.equal(await readFile(options.path, "utf8"), "ab");
    await file.close();
  });

  it("shows readers only what is on disk for good", async () => {
    const file = await LogFile.load(optionsOf());
    const written = await file.exclusive(() => file.write(0, Buffer.from("abc")));
    assert.equal(file.sizeBytes, 0);
    assert.equal((await file.read(0, 10)).length, 0);
    await file.durable(written);
    assert.equal((await file.read(1, 10)).toString(), "bc");
    await file.close();
  });

  it("knows its size again when it is loaded", async () => {
    const options = optionsOf();
    const file = await LogFile.load(options);
    await append(file, 0, "abc");
    await file.close();
    const again = await LogFile.load(options);
    assert.equal(again.sizeBytes, 3);
    await append(again, 2, "cde");
    assert.equal((await again.read(0, 10)).toString(), "abcde");
    await again.close();
  });

  it("refuses a gap, other bytes in a place that is taken, and more than it may have", async () => {
    const file = await LogFile.load(optionsOf());
    await append(file, 0, "abc");
    await assert.rejects(append(file, 4, "x"), OutOfRangeError);
    await assert.rejects(append(file, 1, "x"), StateError);
    await assert.rejects(append(file, 3, "x".repeat(998)), StateError);
    await append(file, 3, "x".repeat(997));
    await file.close();
  });

  it("does not write into a blob that a broken seal has made of it", async () => {
    const options = optionsOf();
    const file = await LogFile.load(options);
    await append(file, 0, "abc");
    await file.close();
    const blob = join(directory, "blob");
    await link(options.path, blob);
    const again = await LogFile.load(options);
    await append(again, 3, "def");
    assert.equal(await readFile(blob, "utf8"), "abc");
    assert.equal(await readFile(options.path, "utf8"), "abcdef");
    await again.close();
  });

  it("goes with its directory, and comes back in a new one", async () => {
    const options = optionsOf();
    const file = await LogFile.load(options);
    await append(file, 0, "abc");
    await file.remove();
    assert.equal((await file.read(0, 10)).length, 0);
    await assert.rejects(stat(join(options.path, "..")));
    const other = await LogFile.load(options);
    await append(other, 0, "new");
    assert.equal(await readFile(options.path, "utf8"), "new");
    await other.close();
  });
});
