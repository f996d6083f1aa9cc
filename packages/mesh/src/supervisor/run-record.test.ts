import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { homeLayout } from "../home/home-layout.ts";
import { rememberedPython } from "../home/remembered-python.ts";
import { meshStatus } from "./mesh-status.ts";

describe("files that a power cut left empty", () => {
  const home = tempDir("home");
  const layout = homeLayout(home);
  mkdirSync(layout.run);

  it("are no record of a mesh", async () => {
    writeFileSync(layout.record, "");
    assert.deepEqual(await meshStatus(home), { state: "down" });
  });

  it("are no memory of a Python", async () => {
    const file = join(layout.run, "python.json");
    writeFileSync(file, "");
    const env = { PATH: process.env.PATH ?? "" };
    const found = await rememberedPython(layout, env);
    assert.deepEqual(await rememberedPython(layout, env), found);
  });
});
