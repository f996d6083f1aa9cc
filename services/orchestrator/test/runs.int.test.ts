import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { RunState, TaskState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { startPostgres, type TestPostgres } from "@tidemill/testing";
import { failedWith, SUCCEEDED } from "./fake-worker.ts";
import { createRun, ended, startOrchestrator, type TestOrchestrator, tasksOf } from "./helpers.ts";
import { output, pipelineDocument } from "./pipeline-builder.ts";

const chain = pipelineDocument({
  name: "chain",
  tasks: {
    first: {},
    second: { parameters: { x: output("first") } },
    third: { parameters: { x: output("second") }, after: ["first"] },
    aside: {},
  },
});

describe("runs", () => {
  let postgres: TestPostgres;
  let orchestrator: TestOrchestrator;

  before(async () => {
    postgres = await startPostgres();
    orchestrator = await startOrchestrator(postgres);
  });
  after(async () => {
    await orchestrator.stop();
    await postgres.stop();
  });

  it("carries a run to its end through a worker", async () => {
    const worker = orchestrator.worker();
    const run = await createRun(orchestrator, chain, { name: "my run" });
    assert.equal(run.state, RunState.RUNNING);
    assert.equal(run.createdBy, "anonymous");
    const last = await ended(orchestrator, run);
    assert.equal(last.state, RunState.SUCCEEDED);
    const tasks = await tasksOf(orchestrator, run);
    assert.deepEqual(
      tasks.map(({ path, state }) => [path, state]),
      ["", "first", "second", "third", "aside"].map((path) => [path, TaskState.SUCCEEDED]),
    );
    assert.equal(tasks[2]?.inputParametersJson.x, '"done"');
    assert.equal(worker.started.length, 4);
    assert.deepEqual(worker.failures, []);
    await worker.stop();
  });

  it("lets independent branches finish when a task fails, and omits what depends on it", async () => {
    const worker = orchestrator.worker({
      run: (start) => (start.taskKey === "second" ? failedWith("no luck") : SUCCEEDED),
    });
    const run = await ended(orchestrator, await createRun(orchestrator, chain));
    assert.equal(run.state, RunState.FAILED);
    assert.match(run.error?.message ?? "", /second.*no luck/);
    const states = Object.fromEntries(
      (await tasksOf(orchestrator, run)).map(({ path, state }) => [path, state]),
    );
    assert.deepEqual(states, {
      "": TaskState.FAILED,
      first: TaskState.SUCCEEDED,
      second: TaskState.FAILED,
      third: TaskState.OMITTED,
      aside: TaskState.SUCCEEDED,
    });
    await worker.stop();
  });
});
