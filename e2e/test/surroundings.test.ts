import assert from "node:assert/strict";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { findProcesses } from "../src/find-processes.ts";
import { freePortOffset } from "../src/free-port-offset.ts";
import { pipelines } from "../src/journeys.ts";
import { tidemillBin } from "../src/root.ts";
import { runCommand } from "../src/run-command.ts";

const DEAD = "http://127.0.0.1:9";

describe("a mesh in difficult surroundings", () => {
  it("runs the demo with a worker's home of its own and proxies that lead nowhere", async () => {
    const directory = join(tempDir("sur"), "a home with spaces");
    mkdirSync(directory, { mode: 0o700 });
    const workerHome = join(directory, "worker elsewhere");
    const demo = async (proxies: Record<string, string>) =>
      runCommand(
        [
          ...[process.execPath, tidemillBin, "--home", join(directory, "mesh")],
          ...["--port-offset", `${await freePortOffset()}`, "up", "--demo", "--exit"],
        ],
        { timeoutMs: 180_000, env: { TIDEMILL_WORKER_HOME: workerHome, ...proxies } },
      );
    // What has to be downloaded is there after the first start.
    const first = await demo({});
    assert.equal(first.exitCode, 0, `${first.stdout}\n${first.stderr}`);
    const result = await demo({
      ...{ HTTP_PROXY: DEAD, http_proxy: DEAD, HTTPS_PROXY: DEAD, https_proxy: DEAD },
      ...{ ALL_PROXY: DEAD, all_proxy: DEAD },
    });
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
    assert.match(result.stdout, /accuracy/);
    assert.match(result.stdout, /✓ evaluate {2}succeeded/);
    assert.match(result.stdout, /http:\/\/127\.0\.0\.1:\d+/);
    assert.deepEqual(findProcesses(`TIDEMILL_HOME=${directory}`), []);
  });

  it("--exit ends with the outcome of the run", async () => {
    const help = await runCommand([process.execPath, tidemillBin, "up", "--help"]);
    assert.match(help.stdout, /end with its outcome/);
  });

  it("a home that cannot be written is refused with what to do", {
    skip: process.getuid?.() === 0 ? "root may write anywhere" : false,
  }, async () => {
    const home = tempDir("readonly");
    chmodSync(home, 0o500);
    const result = await runCommand([process.execPath, tidemillBin, "--home", home, "up"]);
    assert.equal(result.exitCode, 3);
    assert.match(result.stderr, /writ/);
  });

  it("a mesh that is not there is said to be so at once", async () => {
    const offset = `${await freePortOffset()}`;
    const result = await runCommand(
      [process.execPath, tidemillBin, "--home", tempDir("none"), "--port-offset", offset].concat([
        "run",
        "submit",
        pipelines.slow,
      ]),
    );
    assert.equal(result.exitCode, 3);
    assert.match(result.stderr, /npx tidemill up/);
    assert.ok(result.tookMs < 3000, `took ${result.tookMs} ms`);
  });
});
