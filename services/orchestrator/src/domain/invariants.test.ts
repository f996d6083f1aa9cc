import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { output, pipelineDocument } from "../../test/pipeline-builder.ts";
import { driveRun } from "../../test/run-driver.ts";
import { checkJournal, checkRows } from "./invariants.ts";
import type { JournalEvent } from "./journal-event.ts";
import { ATTEMPTS_LOST_MAX, WORKER_STOPPED } from "./run.ts";
import { viewRun } from "./run-view.ts";

const DOCUMENT = pipelineDocument({ tasks: { a: {}, b: { parameters: { x: output("a") } } } });

function finished() {
  const driver = driveRun(DOCUMENT);
  driver.succeed("a");
  driver.succeed("b");
  return driver;
}

type Damage = (journal: JournalEvent[]) => JournalEvent[];

const at = (journal: readonly JournalEvent[], kind: JournalEvent["kind"], nth = 0): number =>
  journal.flatMap((event, index) => (event.kind === kind ? [index] : []))[nth] ?? -1;

const damages: readonly { name: string; damage: Damage; finds: RegExp }[] = [
  { name: "a run that does not end", damage: (journal) => journal.slice(0, -1), finds: /^I1/ },
  {
    name: "a result that is missing",
    damage: (journal) => journal.toSpliced(at(journal, "taskSucceeded"), 1),
    finds: /^I2 root\/a has 0 results/,
  },
  {
    name: "a result that is recorded twice",
    damage: (journal) => {
      const index = at(journal, "taskSucceeded");
      return journal.toSpliced(index, 0, ...journal.slice(index, index + 1));
    },
    finds: /^I2 taskSucceeded of root\/a follows its result/,
  },
  {
    name: "a task that starts too early",
    damage: (journal) => {
      const [queued] = journal.slice(at(journal, "taskQueued", 2));
      const without = journal.toSpliced(at(journal, "taskQueued", 2), 1);
      return queued === undefined ? [] : without.toSpliced(at(journal, "taskQueued", 1), 0, queued);
    },
    finds: /^I3 taskQueued of root\/b before the success of root\/a/,
  },
  {
    name: "an attempt under an older epoch",
    damage: (journal) => {
      const dispatched = journal[at(journal, "attemptDispatched")];
      assert.ok(dispatched?.kind === "attemptDispatched");
      const lost: JournalEvent = {
        kind: "attemptLost",
        at: dispatched.at,
        taskId: dispatched.taskId,
        attemptId: "newer",
        error: { reason: "LOST", message: "" },
      };
      const newer = { ...dispatched, attemptId: "newer", epoch: 2 };
      return journal.toSpliced(at(journal, "attemptDispatched"), 0, newer, lost);
    },
    finds: /^I4 root\/a: 1 is stale/,
  },
  {
    name: "a second creation",
    damage: (journal) => [...journal.slice(0, 1), ...journal],
    finds: /^I6 created 2 times/,
  },
];

describe("checkJournal", () => {
  it("finds nothing in a journal of the reducer", () => {
    const { plan, journal } = finished();
    assert.deepEqual(checkJournal(plan, journal), []);
  });

  it("counts no worker that was stopped in order as a loss", () => {
    const driver = driveRun(DOCUMENT);
    for (let stops = 0; stops < ATTEMPTS_LOST_MAX + 3; stops++) {
      const token = driver.dispatch("a");
      const error = { reason: WORKER_STOPPED, message: "" };
      driver.send({ kind: "attemptLost", taskId: driver.task("a").id, token, error });
    }
    driver.succeed("a");
    driver.succeed("b");
    assert.deepEqual(checkJournal(driver.plan, driver.journal), []);
  });

  for (const c of damages) {
    it(`finds ${c.name}`, () => {
      const { plan, journal } = finished();
      const found = checkJournal(plan, c.damage(journal));
      assert.ok(
        found.some((violation) => c.finds.test(violation)),
        found.join("\n"),
      );
    });
  }
});

describe("checkRows", () => {
  it("names what differs between the journal and the rows", () => {
    const { plan, journal, run } = finished();
    const rows = { ...viewRun(run), version: 1 };
    assert.deepEqual(checkRows(plan, journal, rows), ["I5 version: expected 3, got 1"]);
  });
});
