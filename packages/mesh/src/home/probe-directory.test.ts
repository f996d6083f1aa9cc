import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { probeDirectory } from "./probe-directory.ts";

describe("the probe of a directory", () => {
  it("finds a usual one good, and leaves nothing in it", async () => {
    const directory = tempDir("probe");
    await probeDirectory(directory);
    assert.equal(existsSync(join(directory, `.probe-${process.pid}`)), false);
  });

  const hasFullDevice = existsSync("/dev/full");
  const skip = hasFullDevice ? false : "this system has no /dev/full";
  it("tells a full disk from one that cannot serve", { skip }, async () => {
    const directory = tempDir("probe");
    const probe = join(directory, `.probe-${process.pid}`);
    mkdirSync(probe);
    symlinkSync("/dev/full", join(probe, "script.partial"));
    await assert.rejects(probeDirectory(directory), {
      reason: "DISK_FULL",
      message: /is full .*ENOSPC.*make room on it$/,
    });
  });
});
