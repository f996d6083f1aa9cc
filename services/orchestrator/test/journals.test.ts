import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fold } from "../src/domain/apply-event.ts";
import { checkJournal } from "../src/domain/invariants.ts";
import type { JournalEvent } from "../src/domain/journal-event.ts";
import { recordsOf } from "../src/engine/run-records.ts";
import { decodeJournalEvent, encodeJournalEvent } from "../src/store/journal-codec.ts";
import { readEntries } from "./journals/entries.ts";
import { planOf } from "./run-driver.ts";

const directory = new URL("journals/", import.meta.url);
const names = readdirSync(directory)
  .filter((file) => file.endsWith(".binpb"))
  .map((file) => file.slice(0, -".binpb".length));

const kinds: readonly JournalEvent["kind"][] = [
  "runCreated",
  "runStarted",
  "tasksAdded",
  "taskQueued",
  "dagStarted",
  "attemptDispatched",
  "attemptStarted",
  "attemptLost",
  "taskSucceeded",
  "taskFailed",
  "taskOmitted",
  "taskCanceled",
  "terminationRequested",
  "runFinished",
];

describe("golden journals", () => {
  for (const name of names) {
    const entries = readEntries(new URL(`${name}.binpb`, directory));
    const told = JSON.parse(readFileSync(new URL(`${name}.json`, directory), "utf8"));
    const journal = entries.map(decodeJournalEvent);

    it(`folds ${name} to the rows it stood for when it was written`, () => {
      const plan = planOf(told.document);
      const records = recordsOf(fold(plan, journal), journal);
      assert.deepEqual(JSON.parse(JSON.stringify(records)), told.records);
      assert.deepEqual(checkJournal(plan, journal), []);
    });

    it(`writes the entries of ${name} as they were`, () => {
      const again = journal.map((event) => Buffer.from(encodeJournalEvent(event)).toString("hex"));
      assert.deepEqual(
        again,
        entries.map((entry) => Buffer.from(entry).toString("hex")),
      );
    });
  }

  it("has every kind of entry in one of them", () => {
    const found = new Set(
      names.flatMap((name) =>
        readEntries(new URL(`${name}.binpb`, directory)).map((e) => decodeJournalEvent(e).kind),
      ),
    );
    assert.deepEqual([...found].toSorted(), kinds.toSorted());
  });

  it("refuses entries of a later release, and bytes that are none", () => {
    const later = Uint8Array.of(0x08, 99);
    assert.throws(() => decodeJournalEvent(later), /schema 99/);
    assert.throws(() => decodeJournalEvent(Uint8Array.of(0xff)), /cannot be read/);
  });
});
