import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { python, tempDir } from "@tidemill/testing";
import { withFileLock } from "./file-lock.ts";

const interpreter = await python();

describe("a lock on a file", () => {
  it("is held by one at a time, and leaves no file", async () => {
    const path = join(tempDir("lock"), "x.lock");
    let holders = 0;
    let most = 0;
    const hold = () =>
      withFileLock(interpreter, path, async () => {
        holders += 1;
        most = Math.max(most, holders);
        // The others are given every chance to come in.
        await new Promise((resolve) => setImmediate(resolve));
        holders -= 1;
      });
    await Promise.all(Array.from({ length: 6 }, hold));
    assert.equal(most, 1);
    assert.equal(existsSync(path), false);
  });

  it("is not waited for by somebody who wants it at once", async () => {
    const path = join(tempDir("lock"), "x.lock");
    await withFileLock(interpreter, path, async () => {
      const second = withFileLock(interpreter, path, () => assert.fail("two hold it"), {
        now: true,
      });
      await assert.rejects(second, { name: "UnavailableError" });
    });
  });
});
