import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { TreeFileSchema } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { AttemptFinished } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { waitForServing } from "@tidemill/rpc";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, tempDir } from "@tidemill/testing";
import { createWorkerService, type WorkerServer } from "../src/index.ts";
import { FakeArtifacts } from "./fake-artifacts.ts";
import { FakeOrchestrator } from "./fake-orchestrator.ts";
import {
  commandAttempt,
  componentAttempt,
  json,
  literal,
  nextId,
  outputArtifact,
  RUN_ID,
  type Start,
} from "./start-attempt.ts";
import { workerConfig } from "./worker-fixture.ts";

const orchestrator = new FakeOrchestrator();
const artifacts = new FakeArtifacts();
const home = tempDir("worker");
let worker: WorkerServer;

before(async () => {
  await Promise.all([orchestrator.start(), artifacts.start()]);
  const config = await workerConfig(home, orchestrator, artifacts);
  worker = createWorkerService(config, { log: silentLogger });
  await worker.start();
});
after(async () => {
  await worker.stop();
  await Promise.all([orchestrator.stop(), artifacts.stop()]);
});

async function runComponent(source: string, extra: Start = {}, id = nextId()) {
  await connected();
  orchestrator.send({ case: "start", value: componentAttempt(id, source, extra) });
  return await orchestrator.finished(id);
}

async function runCommand(command: readonly string[], extra: Start = {}, id = nextId()) {
  await connected();
  orchestrator.send({ case: "start", value: commandAttempt(id, command, extra) });
  return await orchestrator.finished(id);
}

function connected(): Promise<boolean> {
  return eventually(() => orchestrator.hellos().length > 0);
}

function assertState(report: AttemptFinished, state: AttemptState): void {
  assert.equal(report.state, state, JSON.stringify(report.error));
}

function outputJson(report: AttemptFinished, name: string): unknown {
  const value = report.outputParameters[name]?.value;
  return value?.case === "json" ? JSON.parse(value.value) : value;
}

describe("a worker", { timeout: 240_000 }, () => {
  it("is SERVING once it is connected, and says who it is", async () => {
    await waitForServing(`127.0.0.1:${worker.port}`);
    const [hello] = orchestrator.hellos();
    assert.deepEqual([hello?.workerId, hello?.credits], [worker.workerId, 2]);
    await eventually(() => orchestrator.received.some(({ case: kind }) => kind === "heartbeat"));
  });

  it("runs a component from its inputs to its outputs and ships its log", async () => {
    const id = nextId();
    const report = await runComponent(
      `def step(n: int, words: list, out: Output[Dataset]) -> NamedTuple("O", [("sum", int), ("big", str)]):
    print("working")
    with open(out.path, "w") as file:
        file.write(" ".join(words))
    out.metadata["count"] = len(words)
    return (n + 1, "x" * 100000)
`,
      {
        inputParameters: { n: json(41), words: json(["a", "b"]) },
        outputArtifacts: { out: outputArtifact(id, "out") },
        outputParameterTypes: { sum: "NUMBER_INTEGER", big: "STRING" },
      },
      id,
    );
    assertState(report, AttemptState.SUCCEEDED);
    assert.equal(outputJson(report, "sum"), 42);
    const big = report.outputParameters.big?.value;
    assert.equal(big?.case, "blob");
    assert.equal(
      artifacts.blobs.get(big?.case === "blob" ? big.value.digest : "")?.length,
      100_002,
    );
    const [out] = report.outputArtifacts.out?.artifacts ?? [];
    assert.equal(artifacts.blobs.get(out?.digest ?? "")?.toString(), "a b");
    assert.deepEqual(JSON.parse(out?.metadataJson ?? ""), { count: 2 });
    assert.ok(report.limits.includes("core=0"));
    await eventually(() => artifacts.sealed.has(`${id}/stdout`));
    assert.match(artifacts.log(id), /working/);
  });

  it("stages inputs, files and trees, under the path that KFP derives from the address", async () => {
    const { digest, sizeBytes } = artifacts.add("hello");
    const tree = "f".repeat(64);
    const file = { blobDigest: digest, sizeBytes, executable: false };
    const files = ["a/b.txt", "c.txt"].map((path) => create(TreeFileSchema, { ...file, path }));
    artifacts.trees.set(tree, files);
    const report = await runComponent(
      `def step(one: Input[Dataset], many: Input[Model]) -> list:
    import os
    texts = [open(os.path.join(many.path, name)).read() for name in ("a/b.txt", "c.txt")]
    return [open(one.path).read(), *texts, one.uri]
`,
      {
        inputArtifacts: {
          one: {
            artifacts: [
              { name: "one", uri: "s3://bucket/one", digest, schemaTitle: "system.Dataset" },
            ],
          },
          many: {
            artifacts: [
              {
                name: "many",
                uri: "gs://b/many",
                digest: tree,
                tree: true,
                schemaTitle: "system.Model",
              },
            ],
          },
        },
        outputParameterTypes: { Output: "LIST" },
      },
    );
    assertState(report, AttemptState.SUCCEEDED);
    assert.deepEqual(outputJson(report, "Output"), ["hello", "hello", "hello", "s3://bucket/one"]);
  });

  it("keeps an artifact's path good for later tasks of the run, read-only, until the run has ended", async () => {
    const id = nextId();
    const first = await runComponent(
      `def step(out: Output[Dataset]) -> str:
    open(out.path, "w").write("kept")
    return out.path
`,
      {
        outputArtifacts: { out: outputArtifact(id, "out") },
        outputParameterTypes: { Output: "STRING" },
      },
      id,
    );
    const path = outputJson(first, "Output");
    const second = await runComponent(
      "def step(path: str) -> str:\n    return open(path).read()\n",
      {
        inputParameters: { path: json(path) },
        outputParameterTypes: { Output: "STRING" },
      },
    );
    assert.equal(outputJson(second, "Output"), "kept");
    const puts = artifacts.puts;
    const third = await runComponent(
      "def step(x: Input[Dataset]) -> str:\n    return open(x.path).read()\n",
      {
        inputArtifacts: { x: first.outputArtifacts.out ?? {} },
        outputParameterTypes: { Output: "STRING" },
      },
    );
    assert.equal(outputJson(third, "Output"), "kept");
    assert.equal(artifacts.puts, puts);
  });

  it("gives a later task the artifact that was stored, though a task has changed the files of it", async () => {
    const id = nextId();
    const made = await runComponent(
      `def step(one: Output[Dataset], many: Output[Model]):
    import os
    open(one.path, "w").write("right")
    os.makedirs(many.path)
    for name in ("a", "b"):
        open(os.path.join(many.path, name), "w").write("right")
`,
      {
        outputArtifacts: {
          one: outputArtifact(id, "one"),
          many: outputArtifact(id, "many", "system.Model"),
        },
      },
      id,
    );
    const inputArtifacts = {
      one: made.outputArtifacts.one ?? {},
      many: made.outputArtifacts.many ?? {},
    };
    const spoiled = await runComponent(
      `def step(one: Input[Dataset], many: Input[Model]):
    import os
    os.chmod(one.path, 0o644)
    os.chmod(many.path, 0o755)
    open(one.path, "w").write("wrong")
    os.remove(os.path.join(many.path, "a"))
    open(os.path.join(many.path, "a"), "w").write("wrong")
    os.rename(os.path.join(many.path, "b"), os.path.join(many.path, "c"))
`,
      { inputArtifacts },
    );
    assertState(spoiled, AttemptState.SUCCEEDED);
    const id2 = nextId();
    const read = await runComponent(
      `def step(one: Input[Dataset], many: Input[Model]) -> dict:
    import os
    names = sorted(os.listdir(many.path))
    files = {n: open(os.path.join(many.path, n)).read() for n in names}
    return {"one": open(one.path).read(), **files}
`,
      { inputArtifacts, outputParameterTypes: { Output: "STRUCT" } },
      id2,
    );
    assert.deepEqual(outputJson(read, "Output"), { one: "right", a: "right", b: "right" });
    await eventually(() => artifacts.log(id2, "system").includes('"many" is not as it was stored'));
  });

  it("gives every task of a directory what is stored of it: no empty directories", async () => {
    const id = nextId();
    const made = await runComponent(
      `def step(out: Output[Model]):
    import os
    os.makedirs(os.path.join(out.path, "empty"))
    open(os.path.join(out.path, "full"), "w").close()
`,
      { outputArtifacts: { out: outputArtifact(id, "out", "system.Model") } },
      id,
    );
    const read = await runComponent(
      "def step(x: Input[Model]) -> list:\n    import os\n    return os.listdir(x.path)\n",
      {
        inputArtifacts: { x: made.outputArtifacts.out ?? {} },
        outputParameterTypes: { Output: "LIST" },
      },
    );
    assert.deepEqual(outputJson(read, "Output"), ["full"]);
  });

  it("uploads a directory as a tree", async () => {
    const id = nextId();
    const report = await runComponent(
      `def step(out: Output[Model]):
    import os
    os.makedirs(os.path.join(out.path, "sub"))
    open(os.path.join(out.path, "sub", "w.bin"), "wb").write(b"123")
`,
      { outputArtifacts: { out: outputArtifact(id, "out", "system.Model") } },
      id,
    );
    const [out] = report.outputArtifacts.out?.artifacts ?? [];
    assert.equal(out?.tree, true, JSON.stringify(report.error));
    assert.deepEqual(
      artifacts.trees.get(out?.digest ?? "")?.map(({ path }) => path),
      ["sub/w.bin"],
    );
  });

  it("uploads a directory of more files than a message holds", async () => {
    const id = nextId();
    const source = `def step(out: Output[Model]):
    import os
    os.makedirs(out.path)
    for at in range(4000):
        open(os.path.join(out.path, f"{at:05}"), "w").close()
`;
    const extra = { outputArtifacts: { out: outputArtifact(id, "out", "system.Model") } };
    assertState(await runComponent(source, extra, id), AttemptState.SUCCEEDED);
    const [list = ""] = artifacts.lists;
    assert.equal(list.split("\n").length, 4_001);
    assert.ok(list.startsWith("00000\0" + "0\0"));
  });

  it("records an artifact that was not written, with a warning", async () => {
    const id = nextId();
    const report = await runComponent(
      "def step(out: Output[Dataset]):\n    pass\n",
      {
        outputArtifacts: { out: outputArtifact(id, "out") },
      },
      id,
    );
    assertState(report, AttemptState.SUCCEEDED);
    assert.deepEqual(
      report.warnings.map(({ code }) => code),
      ["ARTIFACT_EMPTY"],
    );
  });

  it("refuses an artifact path that climbs out", async () => {
    for (const path of ["../../escape", "/etc/hostname"]) {
      const id = nextId();
      const report = await runComponent(
        `def step(out: Output[Dataset]):\n    out.set_path(${JSON.stringify(path)})\n`,
        { outputArtifacts: { out: outputArtifact(id, "out") } },
        id,
      );
      assertState(report, AttemptState.FAILED);
      assert.equal(report.error?.reason, "ARTIFACT_PATH_INVALID");
    }
  });

  it("reads output parameters of a plain command from their files, by type", async () => {
    const script = 'mkdir -p "$(dirname "$0")"; printf " 7\\n" > "$0"; printf "a b\\n" > "$1"';
    const file = (name: string) => ({
      parts: [{ part: { case: "outputParameterFile" as const, value: name } }],
    });
    const report = await runCommand(["sh", "-c", script], {
      args: [file("n"), file("s")],
      outputParameterTypes: { n: "NUMBER_INTEGER", s: "STRING" },
    });
    assertState(report, AttemptState.SUCCEEDED);
    assert.deepEqual([outputJson(report, "n"), outputJson(report, "s")], [7, "a b\n"]);
  });

  it("fails a task that left out an output, or wrote another type", async () => {
    const missing = await runCommand(["true"], { outputParameterTypes: { n: "STRING" } });
    assert.equal(missing.error?.reason, "OUTPUT_MISSING");
    const wrong = await runComponent("def step() -> str:\n    return 'x'\n", {
      outputParameterTypes: { Output: "NUMBER_INTEGER" },
    });
    assert.equal(wrong.error?.reason, "OUTPUT_INVALID");
    const optional = await runCommand(["true"], {
      outputParameterTypes: { n: "STRING" },
      optionalOutputs: ["n"],
    });
    assertState(optional, AttemptState.SUCCEEDED);
  });

  it("reports how a failed task ended, with what it said last", async () => {
    const failed = await runComponent("def step():\n    raise ValueError('no such thing')\n");
    assertState(failed, AttemptState.FAILED);
    assert.equal(failed.exitCode, 1);
    assert.match(failed.error?.message ?? "", /ValueError: no such thing/);
    const many = "def step():\n    raise ValueError('first line\\nsecond line\\nthird line')\n";
    const { error } = await runComponent(many);
    assert.match(error?.message ?? "", /: ValueError: first line … third line$/);
    const killed = await runCommand(["sh", "-c", "kill -SEGV $$"]);
    assert.deepEqual([killed.signal, killed.error?.reason], [11, "SIGNAL"]);
  });

  it("gives a component an input beyond what one argument may hold, and refuses it to a command", async () => {
    const text = "x".repeat(1_000_000);
    const { digest, sizeBytes } = artifacts.add(JSON.stringify(text));
    const inputParameters = {
      text: { value: { case: "blob" as const, value: { digest, sizeBytes } } },
    };
    const report = await runComponent("def step(text: str) -> int:\n    return len(text)\n", {
      inputParameters,
      outputParameterTypes: { Output: "NUMBER_INTEGER" },
    });
    assert.equal(outputJson(report, "Output"), 1_000_000, JSON.stringify(report.error));
    const refused = await runCommand(["echo"], {
      inputParameters,
      args: [{ parts: [{ part: { case: "inputParameter", value: "text" } }] }],
    });
    assert.equal(refused.error?.reason, "ARGUMENT_TOO_LONG");
  });

  it("stops a task that ignores TERM", async () => {
    const id = nextId();
    await connected();
    const command = ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"];
    orchestrator.send({ case: "start", value: commandAttempt(id, command) });
    await orchestrator.started(id);
    const value = { attemptId: id, reason: "terminated", graceMs: 100 };
    orchestrator.send({ case: "stop", value });
    assertState(await orchestrator.finished(id), AttemptState.CANCELED);
  });

  it("goes on while the orchestrator is away, and reports when it is back", async () => {
    const id = nextId();
    await connected();
    const command = ["sh", "-c", "while ! test -e go; do sleep 0.02; done; echo done"];
    orchestrator.send({ case: "start", value: commandAttempt(id, command) });
    await orchestrator.started(id);
    const before = orchestrator.hellos().length;
    await orchestrator.stop();
    const work = join(home, "runs", RUN_ID, "attempts", id, "work");
    const { writeFileSync } = await import("node:fs");
    writeFileSync(join(work, "go"), "");
    await eventually(() => artifacts.sealed.has(`${id}/stdout`));
    await orchestrator.start();
    assertState(await orchestrator.finished(id), AttemptState.SUCCEEDED);
    const hello = orchestrator.hellos()[before];
    assert.deepEqual(
      hello?.attempts.map(({ attemptId }) => attemptId),
      [id],
    );
  });

  it("repeats a report until it is acknowledged, under the epoch of the new owner", async () => {
    const id = nextId();
    await connected();
    orchestrator.acceptsReports = false;
    const start = commandAttempt(id, ["true"]);
    orchestrator.send({ case: "start", value: start });
    await orchestrator.finished(id);
    orchestrator.acceptsReports = true;
    orchestrator.send({
      case: "start",
      value: { ...start, attempt: { ...start.attempt, epoch: 8n } },
    });
    const reports = await eventually(() => {
      const all = orchestrator.reports(id);
      return all.length === 2 ? all : undefined;
    });
    assert.deepEqual(
      reports.map(({ attempt }) => attempt?.epoch),
      [7n, 8n],
    );
  });

  it("waits for the artifact service to come back", async () => {
    await connected();
    await artifacts.stop();
    const id = nextId();
    const source =
      "def step(out: Output[Dataset]):\n    open(out.path, 'w').write('late')\n    print('said')\n";
    const extra = { outputArtifacts: { out: outputArtifact(id, "out") } };
    orchestrator.send({ case: "start", value: componentAttempt(id, source, extra) });
    await orchestrator.started(id);
    await artifacts.start();
    assertState(await orchestrator.finished(id), AttemptState.SUCCEEDED);
    await eventually(() => artifacts.log(id).includes("said"));
  });

  it("says that a disk is full, and goes on when there is room", async () => {
    const id = nextId();
    artifacts.fullAnswers = 2;
    const source = "def step(out: Output[Dataset]):\n    open(out.path, 'w').write('no room')\n";
    const extra = { outputArtifacts: { out: outputArtifact(id, "out") } };
    const report = await runComponent(source, extra, id);
    assertState(report, AttemptState.SUCCEEDED);
    assert.deepEqual(
      report.warnings.map(({ code }) => code),
      ["DISK_FULL"],
    );
    await eventually(() =>
      /disk of the artifact service is full/.test(artifacts.log(id, "system")),
    );
  });

  it("ships much output whole", async () => {
    const id = nextId();
    await runCommand(["sh", "-c", "head -c 20000000 /dev/zero"], {}, id);
    await eventually(() => artifacts.sealed.get(`${id}/stdout`) === 20_000_000, {
      timeoutMs: 60_000,
    });
    assert.equal(artifacts.log(id).length, 20_000_000);
  });

  it("clamps what a task asks for beyond the machine, with a warning", async () => {
    const resources = { cpu: 512, memoryBytes: 0n, accelerators: 0, slots: 2 };
    const report = await runCommand(["true"], { resources });
    assert.deepEqual(
      report.warnings.map(({ code }) => code),
      ["RESOURCES_CLAMPED"],
    );
  });

  const skip = process.platform === "linux" ? false : "only Linux tells what a process holds";
  it("holds a task to its memory limit", { skip }, async () => {
    const resources = { memoryBytes: 0n, memoryLimitBytes: 128n * 1024n ** 2n, slots: 1 };
    const source =
      "def step():\n    import time\n    kept = bytearray(300 << 20)\n    time.sleep(600)\n";
    const report = await runComponent(source, { resources });
    assertState(report, AttemptState.FAILED);
    assert.equal(report.error?.reason, "OUT_OF_MEMORY");
    assert.match(report.error?.message ?? "", /used \d+ MiB of memory, and its limit is 128 MiB/);
    assert.ok(report.limits.includes(`memory=${128 * 1024 ** 2}`));
    assertState(await runCommand(["true"], { resources }), AttemptState.SUCCEEDED);
  });

  it("removes a run's directories when it has ended", async () => {
    await runCommand(["true"], { args: [literal("x")] });
    assert.ok(existsSync(join(home, "runs", RUN_ID)));
    orchestrator.send({ case: "runEnded", value: { namespace: "default", runId: RUN_ID } });
    await eventually(() => readdirSync(join(home, "runs")).length === 0);
  });
});
