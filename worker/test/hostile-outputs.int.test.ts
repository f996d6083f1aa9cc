import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, tempDir } from "@tidemill/testing";
import { createWorkerService, type WorkerServer } from "../src/index.ts";
import { FakeArtifacts } from "./fake-artifacts.ts";
import { FakeOrchestrator } from "./fake-orchestrator.ts";
import {
  commandAttempt,
  componentAttempt,
  nextId,
  outputArtifact,
  type Start,
} from "./start-attempt.ts";
import { workerConfig } from "./worker-fixture.ts";

const orchestrator = new FakeOrchestrator();
const artifacts = new FakeArtifacts();
let worker: WorkerServer;
/** Not below a directory for temporary files, where tasks may leave what they like. */
const elsewhere = join(
  [homedir(), "/dev/shm"].find((place) => !/^\/(var\/)?tmp(\/|$)/.test(place)) ?? homedir(),
  `.tidemill-test-${process.pid}`,
);
const secret = join(elsewhere, "secret");

before(async () => {
  mkdirSync(elsewhere);
  writeFileSync(secret, "a secret of this machine");
  await Promise.all([orchestrator.start(), artifacts.start()]);
  const config = await workerConfig(tempDir("worker"), orchestrator, artifacts);
  worker = createWorkerService(config, { log: silentLogger });
  await worker.start();
  await eventually(() => orchestrator.hellos().length > 0);
});
after(async () => {
  await worker.stop();
  await Promise.all([orchestrator.stop(), artifacts.stop()]);
  rmSync(elsewhere, { recursive: true });
});

async function run(id: string, value: Start) {
  orchestrator.send({ case: "start", value });
  return await orchestrator.finished(id);
}

/** Runs a shell command whose `$0` is the path of its output parameter `o`. */
function runForParameter(script: string) {
  const id = nextId();
  const file = { parts: [{ part: { case: "outputParameterFile" as const, value: "o" } }] };
  const extra = { outputParameterTypes: { o: "STRING" }, args: [file] };
  return run(id, commandAttempt(id, ["sh", "-c", script], extra));
}

/** Runs a component that has an output artifact `out`. */
function runForArtifact(body: string) {
  const id = nextId();
  const source = `def step(out: Output[Dataset]):\n    import os\n    ${body}\n`;
  const extra = { outputArtifacts: { out: outputArtifact(id, "out") } };
  return run(id, componentAttempt(id, source, extra));
}

describe("what a task leaves behind", { timeout: 240_000 }, () => {
  it("holds nobody up when it is a pipe where a file should be", async () => {
    const parameter = await runForParameter('mkfifo "$0"');
    assert.equal(parameter.error?.reason, "OUTPUT_INVALID");
    const id = nextId();
    const file = { parts: [{ part: { case: "executorOutputFile" as const, value: true } }] };
    const command = ["sh", "-c", 'mkdir -p "$(dirname "$0")" && mkfifo "$0"'];
    const output = await run(id, commandAttempt(id, command, { args: [file] }));
    assert.equal(output.error?.reason, "OUTPUT_INVALID");
    const artifact = await runForArtifact(
      "os.makedirs(os.path.dirname(out.path), exist_ok=True); os.mkfifo(out.path)",
    );
    assert.equal(artifact.error?.reason, "OUTPUT_INVALID");
    assert.match(artifact.error?.message ?? "", /out" cannot be stored: .*pipe/);
    // The worker itself may have written its remarks already.
    const pipes = "os.system('rm -f ../system; mkfifo ../system .tidemill-modules.json')";
    const own = await runForArtifact(`${pipes}; os._exit(0)`);
    assert.equal(own.state, AttemptState.SUCCEEDED, JSON.stringify(own.error));
    const next = nextId();
    const after = await run(next, commandAttempt(next, ["true"]));
    assert.equal(after.state, AttemptState.SUCCEEDED);
  });

  it("gives nothing away that is not the task's", async () => {
    const parameter = await runForParameter(`ln -s ${secret} "$0"`);
    assert.equal(parameter.error?.reason, "ARTIFACT_PATH_INVALID");
    const make = "os.makedirs(os.path.dirname(out.path), exist_ok=True)";
    for (const body of [
      `${make}; os.symlink("${secret}", out.path)`,
      `${make}; os.symlink("${elsewhere}", out.path)`,
      `os.makedirs(out.path); os.symlink("${secret}", out.path + "/link")`,
    ]) {
      const report = await runForArtifact(body);
      assert.equal(report.error?.reason, "ARTIFACT_PATH_INVALID", body);
    }
    const named = await runForArtifact(`out.uri = "${secret}"`);
    const [artifact] = named.outputArtifacts.out?.artifacts ?? [];
    assert.deepEqual([artifact?.uri, artifact?.digest], [secret, ""]);
    for (const bytes of artifacts.blobs.values()) assert.doesNotMatch(`${bytes}`, /a secret of/);
  });

  it("fails the task, once, when it is more than can be recorded", async () => {
    const metadata = await runForArtifact("out.metadata['x'] = 'x' * 600_000");
    assert.equal(metadata.state, AttemptState.FAILED);
    assert.equal(metadata.error?.reason, "METADATA_TOO_LARGE");
    const name = await runForArtifact("out.name = 'x' * 6_000_000");
    assert.equal(name.state, AttemptState.FAILED);
    assert.equal(name.error?.reason, "MESSAGE_TOO_LARGE");
  });

  it("fits in one report, however many values there are", async () => {
    const id = nextId();
    const names = Array.from({ length: 200 }, (_, index) => `o${index}`);
    const script = 'for file; do head -c 60000 /dev/zero | tr "\\0" x > "$file"; done';
    const report = await run(
      id,
      commandAttempt(id, ["sh", "-c", script, "sh"], {
        outputParameterTypes: Object.fromEntries(names.map((name) => [name, "STRING"])),
        args: names.map((value) => ({
          parts: [{ part: { case: "outputParameterFile", value } }],
        })),
      }),
    );
    const values = Object.values(report.outputParameters).map(({ value }) => value);
    assert.equal(values.length, 200);
    const inline = values.filter((value) => value.case === "json");
    assert.ok(inline.length > 50 && inline.length < 100, `${inline.length} are inline`);
    assert.ok(values.every((value) => value.case === "json" || value.case === "blob"));
  });
});
