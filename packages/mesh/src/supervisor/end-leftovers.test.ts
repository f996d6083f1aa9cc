import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { homeLayout } from "../home/home-layout.ts";
import { endLeftovers } from "./end-leftovers.ts";
import { startMarkOf, startSecondsOf } from "./start-mark.ts";

describe("what an earlier mesh left running", () => {
  const children: ChildProcess[] = [];
  after(() => {
    for (const child of children) child.kill("SIGKILL");
  });

  function recordedWith(pid: number | undefined, startMark: number | undefined) {
    const layout = homeLayout(tempDir("home"));
    mkdirSync(layout.run);
    const worker = { state: "serving", pid, startMark, restarts: 0, sinceMs: 0 };
    writeFileSync(layout.record, JSON.stringify({ pid: 1, processes: { worker } }));
    return layout;
  }

  function start(): ChildProcess {
    const child = spawn("/bin/sleep", ["600"]);
    children.push(child);
    return child;
  }

  it("is ended", async () => {
    const child = start();
    const exit = once(child, "exit");
    const mark = await startMarkOf(child.pid ?? 0);
    assert.equal(await endLeftovers(recordedWith(child.pid, mark)), 1);
    assert.deepEqual(await exit, [null, "SIGKILL"]);
  });

  const others: readonly [name: string, mark: number | undefined][] = [
    ["that was started at another time", 1],
    ["of which is not known when it was started", undefined],
  ];
  for (const [name, mark] of others) {
    it(`is not a process of the same number ${name}`, async () => {
      const child = start();
      assert.equal(await endLeftovers(recordedWith(child.pid, mark)), 0);
      assert.equal(child.signalCode, null);
      process.kill(child.pid ?? 0, 0);
    });
  }

  it("is told apart without /proc, too", async () => {
    const mark = await startSecondsOf(process.pid);
    assert.ok(mark !== undefined && mark > 0);
    assert.equal(await startSecondsOf(process.pid), mark);
    const child = start();
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    assert.equal(await startSecondsOf(child.pid ?? 0), undefined);
  });
});
