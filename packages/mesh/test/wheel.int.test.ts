import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, tempDir } from "@tidemill/testing";
import { fetchWheel, type WheelContext } from "../src/tools/wheel.ts";
import { environment } from "./mesh-fixture.ts";

const wheel = { name: "kfp", version: "2.17.3" };

/** A Python whose pip is a shell script, which is called with the directory in `$1`. */
function contextWith(pip: string): WheelContext {
  const path = join(tempDir("pip"), "python3");
  const script = `#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\nshift\n${pip}\n`;
  writeFileSync(path, script, { mode: 0o755 });
  const python = { path, version: "3.12.0", hasPip: true };
  return { python, directory: tempDir("tools"), env: environment(), progress: () => {} };
}

describe("a wheel", () => {
  it("that was lost from its directory is fetched again", async () => {
    const context = contextWith('echo wheel > "$1/kfp-2.17.3-py3-none-any.whl"');
    mkdirSync(join(context.directory, "kfp-2.17.3"));
    const path = await fetchWheel(wheel, context);
    assert.equal(path, join(context.directory, "kfp-2.17.3", "kfp-2.17.3-py3-none-any.whl"));
  });

  it("is not waited for any longer when the start is interrupted", async () => {
    const context = contextWith('echo $$ > "$1/started"; exec sleep 600');
    const stopping = new AbortController();
    const fetched = fetchWheel(wheel, { ...context, signal: stopping.signal });
    const started = () =>
      readdirSync(context.directory).some((name) =>
        readdirSync(join(context.directory, name)).includes("started"),
      );
    await Promise.all([
      assert.rejects(fetched, { name: "UnavailableError" }),
      eventually(started).then(() => stopping.abort()),
    ]);
    assert.deepEqual(readdirSync(context.directory), []);
  });
});
