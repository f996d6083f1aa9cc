import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "@tidemill/testing";
import { findProcesses } from "../src/find-processes.ts";
import { ended, outputOf, pipelines, printed, submit, taskOf } from "../src/journeys.ts";
import { type Json, leaveSharedMesh, sharedMesh, type TestMesh } from "../src/test-mesh.ts";

after(leaveSharedMesh);

describe("a run from the command line", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await sharedMesh();
  });

  it("--wait shows the tasks as they change and ends with the outcome", async () => {
    const args = ["run", "submit", pipelines.sumOfSquares, "-p", "start=2", "--wait"];
    const result = await mesh.cli(args);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.match(result.stdout, /[○●] group\/square {2}(queued|running)/);
    assert.match(result.stdout, /✓ group-2\/square {2}succeeded {2}\d\S+ {2}2 squared is 4\n/);
    assert.match(result.stdout, /outputs\n {2}Output {2}58\n/);
    assert.ok(!result.stdout.includes("\u001b"), "no escape sequences without a terminal");
  });

  it("the tasks of nested pipelines have paths, and the answer is right", async () => {
    const id = await submit(mesh, pipelines.sumOfSquares, { start: 1 });
    const document = await ended(mesh, id, "SUCCEEDED");
    assert.equal(outputOf(document, "Output"), 28);
    assert.equal(taskOf(document, "group/square-3").outputParametersJson.Output, "9");
    assert.equal(taskOf(document, "group-2").kind, "TASK_KIND_DAG");
  });

  it("the same request id never starts a second run", async () => {
    const args = ["run", "submit", pipelines.sumOfSquares, "--request-id", "journey-1"];
    const [first, second] = [await mesh.json(args), await mesh.json(args)];
    assert.equal(first.id, second.id);
    const other = await mesh.json([...args, "--name", "another"], 1);
    assert.equal(other.error.reason, "REQUEST_ID_REUSED");
    await ended(mesh, first.id, "SUCCEEDED");
  });

  it("a task that fails fails the run; independent ones finish, dependent ones are left out", async () => {
    const id = await submit(mesh, pipelines.halfBroken, { code: 7 });
    const document = await ended(mesh, id, "FAILED");
    assert.equal(taskOf(document, "broken").state, "TASK_STATE_FAILED");
    assert.equal(taskOf(document, "broken").attempts[0].exitCode, 7);
    assert.match(taskOf(document, "broken").error.message, /7/);
    assert.equal(taskOf(document, "fine").state, "TASK_STATE_SUCCEEDED");
    assert.equal(taskOf(document, "after-both").state, "TASK_STATE_OMITTED");
    const watched = await mesh.cli(["run", "watch", id]);
    assert.equal(watched.exitCode, 1);
    const logs = await mesh.cli(["run", "logs", id, "broken"]);
    assert.match(logs.stderr, /about to give up/);
  });

  it("logs --follow prints lines while the task runs, and all of them", async () => {
    const id = await submit(mesh, pipelines.slow, { seconds: 4 });
    await printed(mesh, id, "count", /line 0/);
    const following = mesh.startCli(["run", "logs", id, "--follow"]);
    await eventually(() => /line 3/.test(following.stdout()));
    assert.equal(following.process.exitCode, null, "lines come before the end");
    const { stdout, exitCode } = await following.ended;
    assert.equal(exitCode, 0);
    const lines = [...stdout.matchAll(/line (\d+)/g)].map((match) => Number(match[1]));
    assert.deepEqual(
      lines,
      Array.from({ length: 20 }, (_, index) => index),
    );
  });

  it("Ctrl-C while watching ends with 130, and the run goes on", async () => {
    const id = await submit(mesh, pipelines.slow, { seconds: 3 });
    const watching = mesh.startCli(["run", "watch", id]);
    await eventually(() => /count {2}running/.test(watching.stdout()), { timeoutMs: 20_000 });
    watching.process.kill("SIGINT");
    assert.equal((await watching.ended).exitCode, 130);
    assert.equal(outputOf(await ended(mesh, id, "SUCCEEDED"), "Output"), 30);
  });

  it("terminate ends the run and its processes, also those that left their session", async () => {
    const marker = `runaway-${process.pid}`;
    const id = await submit(mesh, pipelines.runaway, { marker });
    await printed(mesh, id, "escape", /escaped/);
    assert.ok(findProcesses(marker).length > 0);
    assert.equal((await mesh.cli(["run", "terminate", id])).exitCode, 0);
    await ended(mesh, id, "CANCELED");
    await eventually(() => findProcesses(marker).length === 0, { timeoutMs: 15_000 });
    const watched = await mesh.cli(["run", "watch", id]);
    assert.equal(watched.exitCode, 1);
  });

  it("out.path as a string can still be read by a later task, and not written", async () => {
    const document = await ended(mesh, await submit(mesh, pipelines.handover), "SUCCEEDED");
    assert.equal(outputOf(document, "text"), "still here");
    assert.equal(outputOf(document, "writable"), false);
    assert.match(outputOf(document, "uri"), /^minio:\/\/mlpipeline\//);
  });

  it("lists runs, newest first, by state", async () => {
    const { runs } = await mesh.json(["run", "list", "--state", "canceled", "--limit", "1"]);
    assert.equal(runs.length, 1);
    assert.equal(runs[0].state, "RUN_STATE_CANCELED");
    const table = await mesh.cli(["run", "list", "--limit", "3"]);
    assert.match(table.stdout, /^RUN +STATE +CREATED +TOOK +NAME\n/);
    assert.equal(table.stdout.trim().split("\n").length, 4);
  });

  it("an uploaded pipeline runs by its name, at any version", async () => {
    const within = ["--namespace", "uploads"];
    const upload = [...within, "pipeline", "upload", pipelines.sumOfSquares];
    const first = await mesh.json(upload);
    const name = first.pipelineName;
    const named = await mesh.json([...upload, "--name", name, "--version", "better"]);
    const third = await mesh.json(upload);
    assert.deepEqual([first.name, named.name, third.name], ["v1", "better", "v3"]);
    const again = await mesh.cli([...upload, "--version", "better"]);
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /pipeline version "better" already exists/);
    const { versions } = await mesh.json([...within, "pipeline", "versions", name]);
    assert.deepEqual(
      versions.map((entry: Json) => entry.name),
      ["v3", "better", "v1"],
    );
    const { pipelines: kept } = await mesh.json([...within, "pipeline", "list"]);
    assert.deepEqual(
      kept.map((entry: Json) => entry.name),
      [name],
    );
    const submit = [...within, "run", "submit", "--pipeline", name, "--wait", "-p", "start=3"];
    const done = await mesh.cli([...submit, "--version", "better"]);
    assert.equal(done.exitCode, 0, done.stderr);
    assert.match(done.stdout, /Output +100/);
  });

  it("namespaces are made on first use and kept apart", async () => {
    const args = ["--namespace", "kubeflow", "run"];
    const run = await mesh.json([...args, "submit", pipelines.sumOfSquares]);
    assert.equal(run.namespace, "kubeflow");
    assert.equal((await mesh.cli(["run", "get", run.id])).exitCode, 1);
    const { runs } = await mesh.json([...args, "list"]);
    assert.deepEqual(
      runs.map((entry: Json) => entry.id),
      [run.id],
    );
  });
});
