import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { eventually, tempDir } from "@tidemill/testing";
import { findProcesses } from "../src/find-processes.ts";
import { freePortOffset } from "../src/free-port-offset.ts";
import { root } from "../src/root.ts";
import { type RunningCommand, startCommand } from "../src/run-command.ts";
import { lendTools } from "../src/test-mesh.ts";

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;
const bootstrap = pathToFileURL(join(root, "tools/bootstrap/src/project-node.mjs")).href;
/** What `npm start` and `npx tidemill` are under a Node that is not the project's own. */
const launcher = `
  const { runOn } = await import(${JSON.stringify(bootstrap)});
  process.exitCode = await runOn(process.execPath, process.argv.slice(1));
`;

describe("a mesh that another Node launched", { timeout: 240_000 }, () => {
  it("stops in order when the launcher alone is interrupted", async () => {
    const { home, up } = await launch();
    up.process.kill("SIGINT");
    const result = await up.ended;
    assert.equal(result.exitCode, 0, result.stderr);
    assert.match(result.stderr, /stopping/);
    assert.deepEqual(findProcesses(`TIDEMILL_HOME=${home}`), []);
  });

  it("is gone soon after the launcher, however that ended", async () => {
    const { home, up } = await launch();
    up.process.kill("SIGKILL");
    await eventually(() => findProcesses(`TIDEMILL_HOME=${home}`).length === 0, {
      timeoutMs: STOP_MS_MAX,
    });
    await up.ended;
  });
});

async function launch(): Promise<{ home: string; up: RunningCommand }> {
  const home = join(tempDir("launched"), "mesh");
  await lendTools(home);
  const mesh = ["--home", home, "--port-offset", `${await freePortOffset()}`];
  const up = startCommand(
    [
      process.execPath,
      "--input-type=module",
      "-e",
      launcher,
      join(root, "cli/src/main.ts"),
      ...mesh,
      "up",
    ],
    { timeoutMs: START_MS_MAX + STOP_MS_MAX },
  );
  await eventually(() => up.stdout().includes("tidemill is up"), { timeoutMs: START_MS_MAX });
  return { home, up };
}
