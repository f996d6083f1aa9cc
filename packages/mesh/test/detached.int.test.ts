import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { removeHome } from "../src/home/remove-home.ts";
import { startDetached } from "../src/supervisor/start-detached.ts";
import { environment, fakeMesh } from "./mesh-fixture.ts";

describe("startDetached", () => {
  it("passes on why the start failed", async () => {
    const { home, portOffset, env } = await fakeMesh();
    mkdirSync(home);
    writeFileSync(join(home, "version.json"), '{"layout": 99, "postgresMajor": 18}');
    await assert.rejects(startDetached({ home, portOffset, env }), {
      reason: "HOME_NEWER",
      message: /made by a newer release/,
    });
  });

  it("names an interpreter that does not exist", async () => {
    const { home, portOffset } = await fakeMesh();
    const env = { ...environment(), TIDEMILL_PYTHON: "/no/python" };
    await assert.rejects(startDetached({ home, portOffset, env }), { reason: "PYTHON_MISSING" });
  });
});

describe("removeHome", () => {
  it("deletes the database outside the home, too", async () => {
    const home = join(tempDir("removed"), "home");
    const outside = join(tempDir("outside"), "database");
    mkdirSync(join(home, "postgres"), { recursive: true });
    mkdirSync(outside);
    const location = join(home, "postgres", "location.json");
    writeFileSync(location, JSON.stringify({ directory: outside }));
    assert.ok(readFileSync(location, "utf8").includes(outside));
    await removeHome(home);
    assert.equal(existsSync(home) || existsSync(outside), false);
  });
});
