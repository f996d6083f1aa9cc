import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { QuotaError, UnavailableError } from "@tidemill/errors";
import { diskFullIn, nearlyFull } from "./full-disk.ts";

describe("a full disk", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
  });
  const remote = new QuotaError("DISK_FULL", "the disk of the artifact service is full");

  it("is known wherever it is", () => {
    assert.match(diskFullIn(full)?.message ?? "", /^the disk of this worker is full.*ENOSPC/);
    assert.equal(diskFullIn(remote), remote);
  });

  it("is told from other trouble", () => {
    for (const error of [new UnavailableError("artifacts", "away"), new Error("x"), "ENOSPC"]) {
      assert.equal(diskFullIn(error), undefined);
    }
  });

  const roomy = { bavail: 1_000_000, bsize: 4_096, files: 1_000, ffree: 500 };
  const cases: readonly [string, Partial<typeof roomy>, RegExp | undefined][] = [
    ["is none while there is room", {}, undefined],
    ["is none where files are not counted", { files: 0, ffree: 0 }, undefined],
    ["is near when few bytes are left", { bavail: 1_024 }, /room for 4 MiB only/],
    ["is near when few files are left", { ffree: 3 }, /room for 3 files only/],
  ];
  for (const [name, space, expected] of cases) {
    it(name, () => {
      const found = nearlyFull("/", () => ({ ...roomy, ...space }));
      if (expected === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", expected);
    });
  }
});
