import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  constant,
  input,
  output,
  parameter,
  pipelineDocument,
  tasksOf,
} from "../../test/pipeline-builder.ts";
import { driveRun, jsonParameters, OUTCOME, statesOf } from "../../test/run-driver.ts";
import { checkJournal, checkRows } from "./invariants.ts";
import { ATTEMPTS_LOST_MAX, WORKER_STOPPED } from "./run.ts";
import { viewRun } from "./run-view.ts";
import { effectsOf } from "./step.ts";

const CHAIN = pipelineDocument({
  tasks: { a: {}, b: { parameters: { x: output("a") } }, c: { after: ["b"] } },
});
const FORK = pipelineDocument({
  tasks: {
    a: {},
    b: { after: ["a"] },
    c: { after: ["b"] },
    other: {},
    afterOther: { after: ["other"] },
  },
});
const NESTED = pipelineDocument({
  tasks: { before: {}, inner: { component: "inner", parameters: { n: output("before") } } },
  components: {
    inner: {
      inputDefinitions: { parameters: { n: parameter("STRING") } },
      outputDefinitions: { parameters: { result: parameter("STRING") } },
      dag: {
        tasks: tasksOf({ x: { parameters: { x: input("n") } }, y: { after: ["x"] } }),
        outputs: {
          parameters: {
            result: { valueFromParameter: { producerSubtask: "y", outputParameterKey: "out" } },
          },
        },
      },
    },
  },
  outputs: {
    definitions: { parameters: { final: parameter("STRING") } },
    from: {
      parameters: {
        final: { valueFromParameter: { producerSubtask: "inner", outputParameterKey: "result" } },
      },
    },
  },
});

describe("step", () => {
  it("takes a run to its end: each success queues what waited for it", () => {
    const driver = driveRun(CHAIN);
    assert.deepEqual(statesOf(driver.run), {
      "": "running",
      a: "queued",
      b: "pending",
      c: "pending",
    });
    driver.succeed("a", { out: "from a" });
    assert.deepEqual(driver.task("b").inputParameters, jsonParameters({ x: "from a" }));
    driver.succeed("b");
    driver.succeed("c");
    assert.equal(driver.run.state, "succeeded");
    assert.deepEqual(driver.effects.at(-1), { kind: "runEnded" });
    assert.deepEqual(checkJournal(driver.plan, driver.journal), []);
    assert.deepEqual(checkRows(driver.plan, driver.journal, viewRun(driver.run)), []);
  });

  it("lets independent branches finish after a failure, omits the rest and fails the run", () => {
    const driver = driveRun(FORK);
    driver.fail("a");
    const { b, c, afterOther } = statesOf(driver.run);
    assert.deepEqual({ b, c, afterOther }, { b: "omitted", c: "omitted", afterOther: "pending" });
    assert.equal(driver.run.state, "running");
    driver.succeed("other");
    driver.succeed("afterOther");
    assert.equal(driver.run.state, "failed");
    assert.deepEqual(driver.run.error, {
      reason: "TASK_FAILED",
      message: 'task "a" failed: exit code 1',
    });
    assert.deepEqual(driver.task("c").error, {
      reason: "UPSTREAM_FAILED",
      message: 'it depends on task "a", which failed',
    });
  });

  it("gives the outputs of nested pipelines to the outside", () => {
    const driver = driveRun(NESTED);
    driver.succeed("before", { out: "seven" });
    assert.deepEqual(driver.task("inner/x").inputParameters, jsonParameters({ x: "seven" }));
    driver.succeed("inner/x");
    driver.succeed("inner/y", { out: "done" });
    assert.deepEqual(driver.run.outputParameters, jsonParameters({ final: "done" }));
    assert.equal(driver.task("inner").state, "succeeded");
  });

  it("names the task where it began when a nested pipeline fails", () => {
    const driver = driveRun(NESTED);
    driver.succeed("before");
    driver.fail("inner/x");
    assert.equal(driver.run.error?.message, 'task "inner/x" failed: exit code 1');
    assert.equal(driver.task("inner").state, "failed");
    assert.equal(driver.task("inner/y").state, "omitted");
  });

  it("fails a task whose declared output is missing or of another type", () => {
    for (const [outputs, reason] of [
      [{}, "OUTPUT_MISSING"],
      [{ out: 3 }, undefined],
    ] as const) {
      const driver = driveRun(CHAIN);
      driver.succeed("a", outputs);
      assert.equal(driver.task("a").error?.reason, reason);
    }
  });

  it("cancels what waits at once, stops what runs and ends as canceled", () => {
    const driver = driveRun(FORK);
    const token = driver.dispatch("a");
    driver.send({ kind: "terminate", by: "someone" });
    assert.equal(driver.run.state, "canceling");
    assert.deepEqual(statesOf(driver.run), {
      "": "running",
      a: "running",
      b: "canceled",
      c: "canceled",
      other: "canceled",
      afterOther: "canceled",
    });
    const { id } = driver.task("a");
    const stop = { kind: "stopAttempt", taskId: id, attemptId: token.attemptId, workerId: "w" };
    assert.deepEqual(driver.effects.at(-1), stop);
    assert.deepEqual(effectsOf(driver.run), [stop]);
    assert.deepEqual(driver.send({ kind: "terminate", by: "again" }), []);
    driver.send({
      kind: "attemptFinished",
      taskId: id,
      token,
      outcome: { ...OUTCOME, signal: 15 },
      result: { kind: "canceled" },
    });
    assert.equal(driver.run.state, "canceled");
    assert.equal(driver.run.error?.message, "terminated by someone");
    assert.deepEqual(checkJournal(driver.plan, driver.journal), []);
  });

  it("records a success that came while canceling, and cancels the run all the same", () => {
    const driver = driveRun(CHAIN);
    const token = driver.dispatch("a");
    driver.send({ kind: "terminate", by: "someone" });
    driver.send({
      kind: "attemptFinished",
      taskId: driver.task("a").id,
      token,
      outcome: OUTCOME,
      result: { kind: "succeeded", parameters: jsonParameters({ out: "late" }), artifacts: {} },
    });
    assert.equal(driver.task("a").state, "succeeded");
    assert.equal(driver.run.state, "canceled");
  });

  it("changes nothing for stale, repeated and meaningless commands", () => {
    const driver = driveRun(CHAIN);
    const { id } = driver.task("a");
    const token = driver.dispatch("a");
    const finished = {
      kind: "attemptFinished",
      taskId: id,
      token,
      outcome: OUTCOME,
      result: { kind: "succeeded", parameters: jsonParameters({ out: "1" }), artifacts: {} },
    } as const;
    const stale = { ...token, epoch: 2 };
    assert.deepEqual(driver.send({ ...finished, token: stale }), []);
    assert.deepEqual(driver.send({ ...finished, taskId: "nobody" }), []);
    assert.deepEqual(
      driver.send({ kind: "dispatch", taskId: id, attemptId: "z", epoch: 1, workerId: "w" }),
      [],
    );
    assert.equal(driver.send(finished).length, 2);
    assert.deepEqual(driver.send(finished), []);
    assert.deepEqual(
      driver.send({
        kind: "attemptLost",
        taskId: id,
        token,
        error: { reason: "LOST", message: "" },
      }),
      [],
    );
    assert.deepEqual(
      driver.send({ kind: "attemptStarted", taskId: id, token, warnings: [], limits: [] }),
      [],
    );
  });

  it("queues a lost attempt again up to the limit, then fails with LOST", () => {
    const driver = driveRun(CHAIN);
    const { id } = driver.task("a");
    for (let lost = 1; lost <= ATTEMPTS_LOST_MAX + 1; lost++) {
      assert.equal(driver.task("a").state, "queued");
      const token = driver.dispatch("a");
      const error = { reason: "LOST", message: "worker w went away" };
      driver.send({ kind: "attemptLost", taskId: id, token, error });
    }
    assert.equal(driver.task("a").state, "failed");
    assert.equal(driver.task("a").error?.reason, "LOST");
    assert.equal(driver.task("a").attempts.length, ATTEMPTS_LOST_MAX + 1);
    assert.equal(driver.run.state, "failed");
  });

  it("queues a task again however often its worker was stopped in order", () => {
    const driver = driveRun(CHAIN);
    const { id } = driver.task("a");
    for (let stop = 0; stop <= ATTEMPTS_LOST_MAX + 1; stop++) {
      const token = driver.dispatch("a");
      const error = { reason: WORKER_STOPPED, message: "the worker was stopped" };
      driver.send({ kind: "attemptLost", taskId: id, token, error });
      assert.equal(driver.task("a").state, "queued");
    }
  });

  it("runs an attempt again that its worker stopped without being asked to", () => {
    const driver = driveRun(CHAIN);
    const token = driver.dispatch("a");
    driver.send({
      kind: "attemptFinished",
      taskId: driver.task("a").id,
      token,
      outcome: OUTCOME,
      result: { kind: "canceled" },
    });
    assert.equal(driver.task("a").state, "queued");
    assert.deepEqual(effectsOf(driver.run), [
      { kind: "dispatchable", taskId: driver.task("a").id },
    ]);
  });

  it("fails a task before it is queued when its inputs do not fit", () => {
    const document = pipelineDocument({
      tasks: {
        a: { component: "list" },
        b: { component: "sized", parameters: { cpu: output("a") } },
      },
      components: {
        list: {
          executorLabel: "exec-step",
          inputDefinitions: { parameters: { x: parameter("STRING", { isOptional: true }) } },
          outputDefinitions: { parameters: { out: parameter("STRING") } },
        },
        sized: {
          executorLabel: "exec-sized",
          inputDefinitions: { parameters: { cpu: parameter("STRING") } },
        },
      },
      executors: {
        "exec-sized": {
          container: {
            image: "alpine",
            command: ["echo"],
            resources: { resourceCpuRequest: "{{$.inputs.parameters['cpu']}}" },
          },
        },
      },
    });
    const driver = driveRun(document);
    driver.succeed("a", { out: "many" });
    assert.deepEqual(driver.task("b").error, {
      reason: "INVALID_QUANTITY",
      message: 'CPU request "many" is no quantity; write it like 2, 500m, 4Gi or 512M',
    });
    assert.equal(driver.run.state, "failed");
  });

  it("needs no stack for a chain of empty pipelines", () => {
    const length = 20_000;
    const tasks = Object.fromEntries(
      Array.from({ length }, (_, index) => [
        `t${index}`,
        { component: "empty", after: index === 0 ? [] : [`t${index - 1}`] },
      ]),
    );
    const driver = driveRun(
      pipelineDocument({ tasks, components: { empty: { dag: { tasks: {} } } } }),
    );
    assert.equal(driver.run.state, "succeeded");
  });

  it("resolves constants by exact placeholder and within text, and never a value again", () => {
    const hostile = "{{$.pipeline_job_uuid}} {{$.inputs.parameters['x']}}";
    const document = pipelineDocument({
      inputs: { s: parameter("STRING") },
      tasks: {
        exact: { parameters: { x: constant("{{$.pipeline_job_uuid}}") } },
        within: {
          parameters: {
            "pipelinechannel--s": input("s"),
            x: constant("<{{$.inputs.parameters['pipelinechannel--s']}}|{{$.pipeline_task_name}}>"),
          },
        },
      },
    });
    const driver = driveRun(document, { s: hostile });
    assert.deepEqual(driver.task("exact").inputParameters, jsonParameters({ x: "run-1" }));
    assert.deepEqual(
      driver.task("within").inputParameters.x,
      jsonParameters({ x: `<${hostile}|within>` }).x,
    );
  });
});
