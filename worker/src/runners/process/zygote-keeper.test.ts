import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { silentLogger } from "@tidemill/telemetry";
import { tempDir } from "@tidemill/testing";
import { saveImports } from "./imports-file.ts";
import { ZygoteKeeper } from "./zygote-keeper.ts";

/** A zygote that is never ready, and one that is warm at once, as the flag decides. */
const NEVER_READY = `#!/bin/sh
case "$*" in
  *--imports*) echo '{"event":"ready"}' ;;
  *) cat > /dev/null; exit 0 ;;
esac
read -r header
echo '{"event":"exited","id":"a","code":0,"signal":0,"stdout":0,"stderr":0,"memory":0,"dropped":0}'
cat > /dev/null
`;

function keeperOf(script: string) {
  const directory = tempDir("keeper");
  const python = join(directory, "python");
  writeFileSync(python, script, { mode: 0o755 });
  saveImports(directory, { modules: ["json"], refused: [] });
  return new ZygoteKeeper({
    python,
    directory,
    component: true,
    ahead: 1,
    env: { PATH: process.env.PATH ?? "" },
    log: silentLogger,
  });
}

function run(keeper: ZygoteKeeper) {
  const request = {
    id: "a",
    stdoutPath: "/dev/null",
    stderrPath: "/dev/null",
    payload: {},
    onStarted: () => undefined,
  };
  return keeper.run(request, () => undefined);
}

describe("a task that waits for a zygote", { timeout: 20_000 }, () => {
  it("goes to the successor when that is warm first", async () => {
    const keeper = keeperOf(NEVER_READY);
    const end = await run(keeper);
    assert.equal(end.kind, "exited");
    await keeper.stop();
  });

  it("hears why none can be started", async () => {
    const keeper = keeperOf("#!/bin/sh\necho 'no such module' >&2\nexit 3\n");
    await assert.rejects(run(keeper), /exit code 3\): no such module/);
    await keeper.stop();
  });

  it("is refused once the worker stops, and leaves no process behind", async () => {
    const keeper = keeperOf("#!/bin/sh\ncat > /dev/null\n");
    const waiting = run(keeper);
    const refused = assert.rejects(waiting, { reason: "WORKER_STOPPED" });
    await keeper.stop();
    await refused;
  });
});
