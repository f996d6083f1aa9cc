import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { eventually, tempDir, tools } from "@tidemill/testing";
import { FakeArtifacts } from "./fake-artifacts.ts";
import { FakeOrchestrator, WORKER_TOKEN } from "./fake-orchestrator.ts";
import { commandAttempt, nextId } from "./start-attempt.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const orchestrator = new FakeOrchestrator();
const artifacts = new FakeArtifacts();
let worker: ChildProcess;
let home: string;

/** Leaves its session twice over and ignores TERM; its pid lands in the file it is given. */
const SLIPS_AWAY = `
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(sys.argv[1], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
time.sleep(600)
`;

before(() => Promise.all([orchestrator.start(), artifacts.start()]));
after(async () => {
  worker.kill("SIGKILL");
  await Promise.all([orchestrator.stop(), artifacts.stop()]);
});

async function startWorker(): Promise<void> {
  home = tempDir("worker-process");
  const { uv, kfpWheel, python } = await tools();
  const tokenFile = join(home, "token");
  writeFileSync(tokenFile, WORKER_TOKEN);
  const hellos = orchestrator.hellos().length;
  worker = spawn(process.execPath, [main], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      TIDEMILL_HOME: home,
      TIDEMILL_WORKER_PORT: "0",
      TIDEMILL_WORKER_SLOTS: "2",
      ...{
        TIDEMILL_ORCHESTRATOR_GRPC: orchestrator.address,
        TIDEMILL_WORKER_TOKEN_FILE: tokenFile,
      },
      TIDEMILL_ARTIFACTS_HTTP: artifacts.http,
      TIDEMILL_ARTIFACTS_GRPC: artifacts.grpc,
      TIDEMILL_UV: uv,
      TIDEMILL_KFP_WHEEL: kfpWheel,
      TIDEMILL_PYTHON: python.path,
    },
  });
  await eventually(() => orchestrator.hellos().length > hellos);
}

/** Pids of everything whose environment or command line names this test's home. */
function processesOf(directory: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name) || name === String(process.pid)) return false;
    try {
      const read = (file: string) => readFileSync(`/proc/${name}/${file}`, "utf8");
      if (/\) Z /.test(read("stat"))) return false;
      return read("environ").includes(directory) || read("cmdline").includes(directory);
    } catch {
      // It ended while we were looking.
      return false;
    }
  });
}

async function startSlippingTask(): Promise<string> {
  const id = nextId();
  const { python } = await tools();
  const pidFile = join(home, `${id}.pid`);
  const command = [python.path, "-c", SLIPS_AWAY, pidFile];
  orchestrator.send({ case: "start", value: commandAttempt(id, command) });
  await eventually(() => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "");
  return id;
}

const noProc = existsSync("/proc/self/stat") ? false : "processes are found through /proc";

describe("the process of a worker", { timeout: 120_000, skip: noProc }, () => {
  it("leaves nothing behind when it is killed, not even what called setsid and forked twice", async () => {
    await startWorker();
    await startSlippingTask();
    assert.ok(processesOf(home).length > 3);
    worker.kill("SIGKILL");
    await eventually(() => processesOf(home).length === 0);
  });

  it("stops its tasks on SIGTERM, reports them as lost, and leaves nothing behind", async () => {
    await startWorker();
    const id = await startSlippingTask();
    worker.kill("SIGTERM");
    const [code] = await once(worker, "exit");
    assert.equal(code, 0);
    assert.equal((await orchestrator.finished(id)).state, AttemptState.LOST);
    await eventually(() => processesOf(home).length === 0);
  });

  it("keeps its id over a restart and has another instance", async () => {
    const [first, second] = orchestrator.hellos();
    assert.notEqual(first?.instanceId, second?.instanceId);
    assert.match(
      readFileSync(join(home, "worker", "identity.json"), "utf8"),
      new RegExp(second?.workerId ?? "none"),
    );
  });
});
