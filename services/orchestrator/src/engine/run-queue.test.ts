import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LiveRun } from "./live-run.ts";
import { createRunQueue, type QueuedTask } from "./run-queue.ts";

function liveRun(): LiveRun {
  return { dead: false, run: { state: "running" } } as unknown as LiveRun;
}

function queued(live: LiveRun, name: string, slots = 1): QueuedTask {
  const task = { id: name, state: "queued" } as unknown as QueuedTask["task"];
  return { live, task, slots, queuedAtMs: 0 };
}

describe("the queue of tasks", () => {
  it("keeps order within a run and takes turns between runs", () => {
    const queue = createRunQueue();
    const [one, two] = [liveRun(), liveRun()];
    for (const name of ["a1", "a2", "a3"]) queue.add(queued(one, name));
    for (const name of ["b1", "b2"]) queue.add(queued(two, name));
    const placed: string[] = [];
    queue.offer(({ task }) => {
      placed.push(task.id);
      return "placed";
    }, 10);
    assert.deepEqual(placed, ["a1", "b1", "a2", "b2", "a3"]);
    assert.equal(queue.depth, 0);
  });

  it("passes over what does not fit, as often as it may", () => {
    const queue = createRunQueue();
    const runs = [liveRun(), liveRun(), liveRun()];
    for (const [index, live] of runs.entries()) queue.add(queued(live, `t${index}`, index + 1));
    const offered: string[] = [];
    queue.offer(({ task, slots }) => {
      offered.push(task.id);
      return slots === 3 ? "placed" : "refused";
    }, 2);
    assert.deepEqual(offered, ["t0", "t1"]);
    assert.equal(queue.depth, 3);
  });

  it("stops when it is told to", () => {
    const queue = createRunQueue();
    queue.add(queued(liveRun(), "a"));
    queue.add(queued(liveRun(), "b"));
    let offered = 0;
    queue.offer(() => {
      offered += 1;
      return "stop";
    }, 10);
    assert.equal(offered, 1);
  });

  it("drops tasks that wait no more, and runs that are gone", () => {
    const queue = createRunQueue();
    const [one, two] = [liveRun(), liveRun()];
    const canceled = queued(one, "canceled");
    queue.add(canceled);
    queue.add(queued(one, "next"));
    queue.add(queued(two, "gone"));
    canceled.task.state = "canceled";
    queue.drop(two);
    const placed: string[] = [];
    queue.offer(({ task }) => {
      placed.push(task.id);
      return "placed";
    }, 10);
    assert.deepEqual(placed, ["next"]);
    assert.equal(queue.depth, 0);
  });
});
