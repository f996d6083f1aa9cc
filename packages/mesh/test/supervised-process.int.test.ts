import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { systemClock } from "@tidemill/lifecycle";
import { silentLogger } from "@tidemill/telemetry/logger";
import { eventually, python, tempDir } from "@tidemill/testing";
import { createReaper, type Reaper } from "../src/reaper/reaper.ts";
import {
  type ProcessChange,
  type ProcessSpec,
  superviseProcess,
} from "../src/supervisor/supervised-process.ts";

const env = { PATH: process.env.PATH ?? "" };

describe("a supervised process", { timeout: 60_000 }, () => {
  const directory = tempDir("supervised");
  let reaper: Reaper;
  before(async () => {
    reaper = createReaper({ python: await python(), env, onLost: () => {} });
    await reaper.start();
  });
  after(() => reaper.stop());

  function supervised(overrides: Partial<ProcessSpec>) {
    const changes: ProcessChange[] = [];
    const spec: ProcessSpec = {
      name: "nats",
      log: join(directory, "nats.log"),
      plan: async () => ({ name: "nats", argv: ["/bin/sleep", "600"], env, cwd: directory }),
      ready: async () => {},
      stopMs: 5_000,
      ...overrides,
    };
    const service = superviseProcess(spec, {
      reaper,
      log: silentLogger,
      clock: systemClock,
      onChange: (change) => changes.push(change),
    });
    return { service, changes, last: () => changes.at(-1) };
  }

  it("is started again although that could not be prepared for a while", async () => {
    let starts = 0;
    const { service, last } = supervised({
      plan: async () => {
        starts += 1;
        if (starts === 2 || starts === 3) throw new Error("no space left on device");
        return { name: "nats", argv: ["/bin/sleep", "600"], env, cwd: directory };
      },
    });
    await service.start();
    process.kill(last()?.pid ?? 0, "SIGKILL");
    await eventually(() => starts === 4 && last()?.state === "serving");
    await service.stop();
    assert.equal(last()?.state, "stopped");
  });

  it("says at once why it cannot be prepared for the first time", async () => {
    const { service } = supervised({
      plan: () => Promise.reject(new Error("no space left on device")),
    });
    await assert.rejects(service.start(), /no space left/);
    await service.stop();
  });

  it("may take longer to become ready where its specification says so", async () => {
    const { service, changes } = supervised({
      readyMs: 50,
      ready: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("not ready in time")));
        }),
    });
    await assert.rejects(service.start(), { reason: "PROCESS_FAILED" });
    assert.equal(changes.filter(({ state }) => state === "starting").length, 2);
    await service.stop();
  });
});
