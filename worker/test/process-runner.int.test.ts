import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "@tidemill/testing";
import type { Remark, TaskEnd } from "../src/runners/runner.ts";
import { componentArgs, componentCommand } from "./component-builder.ts";
import { createRunnerFixture, type RunnerFixture } from "./worker-fixture.ts";

interface Outcome {
  readonly end: TaskEnd;
  readonly stdout: string;
  readonly stderr: string;
  readonly warnings: readonly string[];
  readonly remarks: string;
  readonly output: { readonly parameterValues?: { readonly Output?: unknown } } | undefined;
}

interface Task {
  readonly image?: string;
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

let fixture: RunnerFixture;
let count = 0;

before(async () => {
  fixture = await createRunnerFixture();
});
after(() => fixture.runner.stop());

async function run(task: Task): Promise<Outcome> {
  const attemptId = `attempt-${++count}`;
  const directory = join(fixture.directory, attemptId);
  const outputFile = join(fixture.directory, `${attemptId}.json`);
  mkdirSync(directory);
  const warnings: Remark[] = [];
  const remarks: string[] = [];
  const prepared = await fixture.runner.prepare({
    attemptId,
    image: task.image ?? "python:3.11",
    command: task.command,
    args: task.args ?? componentArgs({ outputFile }),
    hooks: {
      onBuilding: () => undefined,
      onWarning: (remark) => warnings.push(remark),
      onRemark: (text) => remarks.push(text),
    },
    signal: new AbortController().signal,
  });
  const [stdoutPath, stderrPath] = [`${directory}.stdout`, `${directory}.stderr`];
  const end = await prepared.run({
    directory,
    mounts: join(fixture.directory, "mounts"),
    stdoutPath,
    stderrPath,
    env: task.env ?? {},
    onStarted: () => undefined,
  });
  const read = (path: string) => readFileSync(path, "utf8");
  const succeeded = end.kind === "exited" && end.code === 0;
  const hasOutput = succeeded && task.args === undefined;
  return {
    end,
    stdout: read(stdoutPath),
    stderr: read(stderrPath),
    warnings: warnings.map(({ code }) => code),
    remarks: remarks.join("\n"),
    output: hasOutput ? JSON.parse(read(outputFile)) : undefined,
  };
}

describe("the process runner", { timeout: 240_000 }, () => {
  it("runs a lightweight component in an environment that has a kfp", async () => {
    const { output, stderr } = await run({
      command: componentCommand("def step() -> str:\n    import kfp\n    return kfp.__version__\n"),
    });
    assert.match(String(output?.parameterValues?.Output), /^2\./, stderr);
  });

  it("gives a component what a container's Python would have", async () => {
    const body = `def step() -> dict:
    import os, sys
    return {"cwd": os.getcwd(), "env": dict(os.environ), "version": sys.version_info[:2]}
`;
    const { output } = await run({ command: componentCommand(body), image: "python:3.11-slim" });
    const seen = JSON.stringify(output?.parameterValues?.Output);
    assert.match(seen, /"HOME": ?"[^"]*attempt-\d+"/);
    assert.match(seen, /"version": ?\[3, ?11\]/);
    assert.doesNotMatch(seen, /TIDEMILL_/);
  });

  it("honours variables that only a fresh interpreter reads", async () => {
    const { output, stderr } = await run({
      command: componentCommand(
        "def step() -> int:\n    import sys\n    return sys.flags.optimize\n",
      ),
      env: { PYTHONOPTIMIZE: "2" },
    });
    assert.equal(output?.parameterValues?.Output, 2, stderr);
  });

  it("imports ahead what earlier tasks imported, and reads declared variables all the same", async () => {
    const body = `def step() -> bool:
    import sys
    ahead = "colorsys" in sys.modules
    import colorsys
    return ahead
`;
    const command = componentCommand(body);
    assert.equal((await run({ command })).output?.parameterValues?.Output, false);
    await eventually(async () => (await run({ command })).output?.parameterValues?.Output === true);
    const fresh = await run({ command, env: { COLOR: "1" } });
    assert.equal(fresh.output?.parameterValues?.Output, false);
  });

  it("really installs packages and says so in the system log", async () => {
    const { output, remarks, stderr } = await run({
      command: componentCommand("def step() -> str:\n    import six\n    return six.__name__\n", [
        "six",
      ]),
    });
    assert.equal(output?.parameterValues?.Output, "six", stderr);
    assert.match(remarks, /six/);
  });

  it("makes an environment once for tasks that ask at the same time", async () => {
    const command = componentCommand("def step() -> int:\n    import iniconfig\n    return 1\n", [
      "iniconfig",
    ]);
    const outcomes = await Promise.all([run({ command }), run({ command }), run({ command })]);
    const built = outcomes.filter(({ remarks }) => remarks.includes("iniconfig"));
    assert.equal(built.length, 1);
    for (const { output } of outcomes) assert.equal(output?.parameterValues?.Output, 1);
  });

  it("fails with the installer's own message and leaves no half of an environment", async () => {
    const command = componentCommand("def step():\n    pass\n", ["no-such-package-tidemill==9.9"]);
    for (const _ of [1, 2]) {
      await assert.rejects(run({ command }), (error: Error & { reason?: string }) => {
        assert.equal(error.reason, "INSTALL_FAILED");
        assert.match(error.message, /no-such-package-tidemill/);
        return true;
      });
    }
  });

  it("lets a task install for itself alone", async () => {
    const body = `def step() -> str:
    import subprocess, sys
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "toml"])
    import toml
    return toml.__file__
`;
    const { output, stderr } = await run({ command: componentCommand(body) });
    assert.match(String(output?.parameterValues?.Output), /attempt-\d+\/\.packages\/toml/, stderr);
    const second = await run({ command: componentCommand("def step():\n    import toml\n") });
    assert.match(second.stderr, /No module named 'toml'/);
  });

  it("serves another Python with a warning where the wanted one is not there", async () => {
    const { warnings, output, stderr } = await run({
      command: componentCommand(
        "def step() -> int:\n    import sys\n    return sys.version_info[1]\n",
      ),
      image: "python:3.99",
    });
    assert.deepEqual(warnings, ["PYTHON_VERSION_SUBSTITUTED"]);
    assert.equal(typeof output?.parameterValues?.Output, "number", stderr);
  });

  it("runs plain commands of known images, with Python where the image has one", async () => {
    const plain = await run({ image: "alpine", command: ["echo"], args: ["a b"] });
    assert.deepEqual([plain.stdout, plain.warnings], ["a b\n", []]);
    const script = "import kfp.dsl.executor_main, sys; print(sys.prefix)";
    const python = await run({
      image: "python:3.11",
      command: ["python3", "-c", script],
      args: [],
      env: { _KFP_RUNTIME: "true" },
    });
    assert.ok(python.stdout.includes("environments"), python.stderr);
  });

  it("runs what is on this machine in place of an image it does not know, with a warning", async () => {
    const known = await run({
      image: "gcr.io/some/image:1",
      command: ["sh", "-c", "echo hi"],
      args: [],
    });
    assert.deepEqual([known.stdout, known.warnings], ["hi\n", ["IMAGE_NOT_RUN"]]);
    await assert.rejects(
      run({ image: "gcr.io/some/image:1", command: ["no-such-tool"], args: [] }),
      {
        reason: "IMAGE_UNAVAILABLE",
        message: /install "no-such-tool" on PATH/,
      },
    );
    await assert.rejects(run({ image: "gcr.io/some/image:1", command: [], args: [] }), {
      reason: "IMAGE_UNAVAILABLE",
    });
  });

  it("refuses an argument that the kernel would not take, with the way out", async () => {
    await assert.rejects(run({ image: "alpine", command: ["echo"], args: ["x".repeat(200_000)] }), {
      reason: "ARGUMENT_TOO_LONG",
      message: /131072/,
    });
  });
});
