import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { findInterpreters } from "./find-interpreters.ts";

describe("the interpreters of a machine", () => {
  it("are those that a shim on PATH stands for, whatever else the shell knows of them", async () => {
    const root = tempDir("pyenv");
    const python = join(root, "versions", "3.12.1", "bin", "python3");
    mkdirSync(join(root, "versions", "3.12.1", "bin"), { recursive: true });
    mkdirSync(join(root, "shims"));
    writeFileSync(python, `#!/bin/sh\nprintf 'cpython\\n3.12.1\\n${python}\\n'\n`, { mode: 0o755 });
    const found = await findInterpreters({ path: join(root, "shims"), userHome: tempDir("home") });
    assert.deepEqual(found, [{ path: python, version: "3.12.1" }]);
  });
});
