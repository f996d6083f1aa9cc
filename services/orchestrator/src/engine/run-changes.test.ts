import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Transition } from "../store/transition.ts";
import { CHANGED_TASKS_MAX, createRunChanges } from "./run-changes.ts";

function transition(runId: string, firstSeq: number, ids: readonly string[]): Transition {
  const changedTasks = ids.map((id) => ({ id }));
  return { runId, firstSeq, entries: [new Uint8Array()], addedTasks: [], changedTasks } as never;
}

describe("changes of runs", () => {
  it("reach those who watch the run, several of them as one", async () => {
    const changes = createRunChanges();
    const watcher = changes.subscribe("run");
    assert.equal(watcher.take(), undefined);
    changes.committed(transition("run", 5, ["a"]));
    changes.committed(transition("other", 9, ["x"]));
    changes.committed(transition("run", 6, ["b", "a"]));
    await watcher.changed();
    assert.deepEqual(watcher.take(), { seq: 6, taskIds: new Set(["a", "b"]) });
    assert.equal(watcher.take(), undefined);
  });

  it("wake a watcher that waits", async () => {
    const changes = createRunChanges();
    const watcher = changes.subscribe("run");
    const woken = watcher.changed();
    changes.committed(transition("run", 1, []));
    await woken;
  });

  it("come no faster than they are wanted, but for the end of the run", async () => {
    const changes = createRunChanges();
    const watcher = changes.subscribe("run");
    const pace = { paceMs: 60_000, idleMs: 120_000 };
    changes.committed(transition("run", 1, []));
    await watcher.changed(pace);
    watcher.take();
    const slow = watcher.changed(pace);
    changes.committed(transition("run", 2, ["a"]));
    const isFirst = await Promise.race([slow.then(() => "change"), Promise.resolve("nothing")]);
    assert.equal(isFirst, "nothing");
    const last = transition("run", 3, []);
    changes.committed({ ...last, changedRun: { state: "succeeded" } } as never);
    await slow;
    assert.equal(watcher.take()?.seq, 3);
  });

  it("are waited for no longer than the watcher or its caller wants", async () => {
    const watcher = createRunChanges().subscribe("run");
    await watcher.changed({ paceMs: 0, idleMs: 1 });
    await watcher.changed({ paceMs: 0, idleMs: 60_000 }, AbortSignal.abort());
  });

  it("are counted no further when a watcher is too slow", () => {
    const changes = createRunChanges();
    const watcher = changes.subscribe("run");
    const ids = Array.from({ length: CHANGED_TASKS_MAX + 1 }, (_, index) => String(index));
    changes.committed(transition("run", 1, ids));
    assert.deepEqual(watcher.take(), { seq: 1, taskIds: undefined });
    changes.committed(transition("run", 2, ["a"]));
    assert.deepEqual(watcher.take(), { seq: 2, taskIds: new Set(["a"]) });
  });

  it("go nowhere once nobody watches", () => {
    const changes = createRunChanges();
    const watcher = changes.subscribe("run");
    watcher.close();
    watcher.close();
    assert.equal(changes.watchers, 0);
    changes.committed(transition("run", 1, ["a"]));
    assert.equal(watcher.take(), undefined);
  });
});
