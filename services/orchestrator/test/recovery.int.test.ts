import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  AttemptState,
  RunState,
  TaskState,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { eventually, startPostgres, type TestPostgres } from "@tidemill/testing";
import { readJournal } from "./assert-runs-fold.ts";
import { SUCCEEDED } from "./fake-worker.ts";
import { createRun, ended, startOrchestrator, tasksOf } from "./helpers.ts";
import { startOrchestratorProcess } from "./orchestrator-process.ts";
import { output, pipelineDocument } from "./pipeline-builder.ts";

const pair = pipelineDocument({
  tasks: { first: {}, second: { parameters: { x: output("first") } } },
});
const single = pipelineDocument({ tasks: { only: {} } });

describe("recovery", () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.stop());

  it("goes on after kill -9 with what its worker finished meanwhile", async () => {
    await using orchestrator = await startOrchestratorProcess(postgres);
    const worker = orchestrator.worker({ run: () => undefined });
    const run = await createRun(orchestrator, pair);
    const start = await eventually(() => worker.started[0]);
    await orchestrator.kill9();
    worker.finish(start, SUCCEEDED);
    assert.deepEqual(worker.accepted, []);
    await orchestrator.restart();
    const second = await eventually(() => worker.started[1]);
    assert.equal(second.taskKey, "second");
    worker.finish(second, SUCCEEDED);
    assert.equal((await ended(orchestrator, run)).state, RunState.SUCCEEDED);
    const tasks = await tasksOf(orchestrator, run);
    assert.deepEqual(
      tasks.map(({ attempts }) => attempts.length),
      [0, 1, 1],
    );
    await orchestrator.stop();
  });

  it("runs a task again, on its own account, when its worker was started anew", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const first = orchestrator.worker({ run: () => undefined });
    const run = await createRun(orchestrator, single);
    await eventually(() => first.started.length === 1);
    await first.stop();
    const again = orchestrator.worker({ instanceId: "another" });
    assert.equal((await ended(orchestrator, run)).state, RunState.SUCCEEDED);
    const [, task] = await tasksOf(orchestrator, run);
    assert.deepEqual(
      task?.attempts.map(({ state }) => state),
      [AttemptState.LOST, AttemptState.SUCCEEDED],
    );
    assert.equal(again.started[0]?.attemptNumber, 2);
    await orchestrator.stop();
  });

  it("gives up on a worker that does not come back within the grace", async () => {
    const timing = { workerReturnGraceMs: 300 };
    await using orchestrator = await startOrchestrator(postgres, { overrides: { timing } });
    const gone = orchestrator.worker({ workerId: "gone", run: () => undefined });
    const run = await createRun(orchestrator, single);
    await eventually(() => gone.started.length === 1);
    await gone.stop();
    orchestrator.worker({ workerId: "other" });
    assert.equal((await ended(orchestrator, run)).state, RunState.SUCCEEDED);
    await orchestrator.stop();
  });

  it("takes a silent worker for dead", async () => {
    const timing = { workerSilenceMaxMs: 300 };
    await using orchestrator = await startOrchestrator(postgres, { overrides: { timing } });
    const silent = orchestrator.worker({ workerId: "silent", run: () => undefined });
    const run = await createRun(orchestrator, single);
    await eventually(() => silent.started.length === 1);
    const task = await eventually(async () => {
      const [, found] = await tasksOf(orchestrator, run);
      return found?.attempts[0]?.state === AttemptState.LOST ? found : undefined;
    });
    assert.match(task.attempts[0]?.error?.message ?? "", /silent/);
    await orchestrator.stop();
  });

  it("acknowledges repeated and stale reports without counting them", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const worker = orchestrator.worker({ run: () => undefined });
    const run = await createRun(orchestrator, pair);
    const first = await eventually(() => worker.started[0]);
    const attempt = first.attempt;
    assert(attempt !== undefined);
    const stale = { ...attempt, epoch: attempt.epoch - 1n };
    worker.say({ case: "finished", value: { attempt: stale, state: AttemptState.FAILED } });
    await eventually(() => worker.accepted.length === 1);
    worker.finish(first, SUCCEEDED);
    worker.finish(first, SUCCEEDED);
    worker.say({ case: "finished", value: { attempt, state: AttemptState.FAILED } });
    await eventually(() => worker.accepted.length === 4);
    const second = await eventually(() => worker.started[1]);
    worker.finish(second, SUCCEEDED);
    assert.equal((await ended(orchestrator, run)).state, RunState.SUCCEEDED);
    const results = (await readJournal(orchestrator.database.database, run.id)).filter(
      (event) => event.kind === "taskSucceeded" && event.attemptId !== undefined,
    );
    assert.equal(results.length, 2);
    await orchestrator.stop();
  });

  it("tells a worker to stop what nobody waits for", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const worker = orchestrator.worker({ run: () => undefined });
    const run = await createRun(orchestrator, single);
    const start = await eventually(() => worker.started[0]);
    worker.finish(start, SUCCEEDED);
    await ended(orchestrator, run);
    worker.attempts.set(start.attempt?.attemptId ?? "", start);
    await worker.disconnect();
    worker.connect();
    const stop = await eventually(() => worker.stopped[0]);
    assert.equal(stop.attemptId, start.attempt?.attemptId);
    await orchestrator.stop();
  });

  it("fences the owner that a second one has taken over from", async () => {
    const timing = { heartbeatMs: 60_000 };
    await using old = await startOrchestrator(postgres, { overrides: { timing } });
    const worker = old.worker({ run: () => undefined });
    const run = await createRun(old, single);
    const start = await eventually(() => worker.started[0]);
    // Its lease runs out at once for the new one, as if it had been paused for as long.
    const now = { leaseMs: 0, heartbeatMs: 100 };
    const { database } = old;
    await using fresh = await startOrchestrator(postgres, { database, overrides: { timing: now } });
    assert.equal(fresh.service.engine.shards.count, 64);
    worker.finish(start, SUCCEEDED);
    await eventually(() => old.service.engine.shards.count < 64);
    assert.deepEqual(worker.accepted, []);
    const [, task] = await tasksOf(fresh, run);
    assert.equal(task?.state, TaskState.RUNNING);
    await worker.stop();
    const next = fresh.worker({ workerId: worker.workerId });
    assert.equal((await ended(fresh, run)).state, RunState.SUCCEEDED);
    assert.equal(next.started.length, 1);
    await fresh.stop();
    await old.stop();
  });
});
