import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { freePortOffset } from "../src/free-port-offset.ts";
import { root } from "../src/root.ts";
import { type CommandResult, runCommand } from "../src/run-command.ts";

const COLD_MS_MAX = 120_000;
const TIMEOUT_MS = 600_000;
/** Where a package manager and this project keep what they have downloaded. */
const cacheVariables = [
  "npm_config_cache",
  "XDG_CACHE_HOME",
  "PIP_CACHE_DIR",
  "TIDEMILL_TEST_TOOLS",
];

describe("a bare clone with empty caches, in a path with a space", () => {
  const directory = join(tempDir("clone"), "a bare clone");
  const clone = join(directory, "tidemill");
  const env = {
    ...Object.fromEntries(cacheVariables.map((name) => [name, join(directory, "caches", name)])),
    TIDEMILL_HOME: join(directory, "home"),
    // Neither the packages nor the Node of the clone that this test runs from.
    PATH: (process.env.PATH ?? "")
      .split(":")
      .filter((entry) => !entry.startsWith(root))
      .join(":"),
  };
  let offset = "";
  const start = () =>
    runCommand(["npm", "start", "--", "--exit", "--port-offset", offset], {
      cwd: clone,
      env,
      timeoutMs: TIMEOUT_MS,
    });
  const demoSucceeded = (result: CommandResult) => {
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
    assert.match(result.stdout, /✓ evaluate {2}succeeded .* accuracy 0\.974: good enough/);
  };

  before(async () => {
    mkdirSync(directory, { recursive: true });
    offset = String(await freePortOffset());
    const cloned = await runCommand(["git", "clone", "--quiet", root, clone]);
    assert.equal(cloned.exitCode, 0, cloned.stderr);
  });

  it("npm start installs, prepares, and shows the demo within two minutes", async () => {
    const result = await start();
    demoSucceeded(result);
    assert.match(result.stderr, /downloading/, "downloads are told about");
    assert.ok(result.tookMs < COLD_MS_MAX, `took ${Math.round(result.tookMs / 1000)} s`);
  });

  it("a second npm start needs no network", async () => {
    const dead = "http://127.0.0.1:9";
    const nowhere = { PIP_INDEX_URL: dead, npm_config_registry: dead, PIP_NO_INDEX: "1" };
    const result = await runCommand(["npm", "start", "--", "--exit", "--port-offset", offset], {
      cwd: clone,
      env: { ...env, ...nowhere },
      timeoutMs: TIMEOUT_MS,
    });
    demoSucceeded(result);
    assert.doesNotMatch(result.stderr, /downloading/);
  });
});
