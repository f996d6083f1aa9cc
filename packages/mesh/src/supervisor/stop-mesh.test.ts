import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { portsAt } from "@tidemill/config";
import { tempDir } from "@tidemill/testing";
import { homeLayout } from "../home/home-layout.ts";
import { meshUrls, type RunRecord, writeRunRecord } from "./run-record.ts";
import { startMarkOf } from "./start-mark.ts";
import { stopMesh } from "./stop-mesh.ts";

/** A supervisor that is slow: it has been asked to stop, and ends when its input does. */
const SLOW = `process.on("SIGTERM", () => {}); process.stdin.resume(); console.log("up");`;

describe("stopMesh", () => {
  const home = tempDir("stop-mesh");
  const layout = homeLayout(home);

  it("says what it waits for, in the order in which the processes stop", async () => {
    const child = spawn(process.execPath, ["-e", SLOW], { stdio: ["pipe", "pipe", "inherit"] });
    await once(child.stdout, "data");
    const record = (worker: "serving" | "stopped"): RunRecord => ({
      pid: child.pid ?? 0,
      startMark: undefined,
      startedMs: 0,
      portOffset: 0,
      ports: portsAt(0),
      urls: meshUrls(portsAt(0)),
      postgresDirectory: "",
      processes: {
        postgres: { state: "serving", restarts: 0, sinceMs: 0 },
        worker: { state: worker, restarts: 0, sinceMs: 0 },
      },
    });
    const startMark = await startMarkOf(child.pid ?? 0);
    await mkdir(dirname(layout.record), { recursive: true });
    await writeRunRecord(layout, { ...record("serving"), startMark });
    const waitedFor: string[] = [];
    const outcome = await stopMesh(home, (name) => {
      waitedFor.push(name);
      if (name === "worker") void writeRunRecord(layout, { ...record("stopped"), startMark });
      else child.stdin.end();
    });
    assert.equal(outcome, "stopped");
    assert.deepEqual(waitedFor, ["worker", "postgres"]);
    await rm(layout.record, { force: true });
    assert.equal(await stopMesh(home), "not running");
  });
});
