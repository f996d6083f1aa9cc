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
import { lendTools } from "../src/test-mesh.ts";

const DEAD = "http://127.0.0.1:9";

describe("a mesh in difficult surroundings", () => {
  it("runs the demo from a home with spaces, a worker elsewhere, dead proxies", async () => {
    const directory = join(tempDir("surroundings"), "a home with spaces");
    const home = join(directory, "mesh");
    mkdirSync(directory, { mode: 0o700 });
    await lendTools(home);
    const offset = `${await freePortOffset()}`;
    const demo = (env: Readonly<Record<string, string>>) =>
      runCommand(
        [
          process.execPath,
          tidemillBin,
          "--home",
          home,
          "--port-offset",
          offset,
          "up",
          "--demo",
          "--exit",
        ],
        {
          timeoutMs: 180_000,
          env: { ...env, TIDEMILL_WORKER_HOME: join(directory, "worker elsewhere") },
        },
      );
    const proxies = { HTTP_PROXY: DEAD, http_proxy: DEAD, ALL_PROXY: DEAD };
    // The first run fetches packages, around proxies that do not answer; the second needs none.
    const first = await demo(proxies);
    assert.equal(first.exitCode, 0, `${first.stdout}\n${first.stderr}`);
    const result = await demo(proxies);
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
    assert.match(result.stdout, /✓ evaluate {2}succeeded .* accuracy 0\.974: good enough/);
    assert.match(result.stdout, /outputs\n {2}accuracy {2}0\.97/);
    assert.match(result.stdout, /http:\/\/127\.0\.0\.1:\d+/);
    assert.equal(result.stdout.match(/npx tidemill/g)?.length, 3, "three commands to try next");
    assert.deepEqual(findProcesses(`TIDEMILL_HOME=${home}`), []);
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
