import assert from "node:assert/strict";
import { type Database, statement } from "@tidemill/postgres";
import { fold } from "../src/domain/apply-event.ts";
import { checkJournal } from "../src/domain/invariants.ts";
import type { JournalEvent } from "../src/domain/journal-event.ts";
import { compilePlan, type Plan } from "../src/domain/plan.ts";
import { isFinalRun } from "../src/domain/states.ts";
import { recordsOf } from "../src/engine/run-records.ts";
import { loadAcceptedSpec } from "../src/specs/load-spec.ts";
import { decodeJournalEvent } from "../src/store/journal-codec.ts";
import { listJournal } from "../src/store/journal-queries.ts";
import { listTasks, loadRun } from "../src/store/run-queries.ts";
import { loadSpecRow } from "../src/store/spec-store.ts";

const selectAll = statement<{ id: string; namespace: string }>(
  "test_runs_all",
  "select id, namespace from runs order by id",
);

const selectForeign = statement<{ run_id: string }>(
  "test_journal_epochs",
  `select distinct run_id from (
     select run_id, epoch, lag(epoch) over (partition by run_id order by seq) as before
     from journal) j where epoch < before`,
);

/** Gets a specification that is too large for a row from the artifact service. */
export type ReadLargeSpec = (digest: string) => Promise<Uint8Array>;

const refuseLarge: ReadLargeSpec = (digest) => {
  throw new Error(`specification ${digest} lies in the artifact service`);
};

/**
 * I5 of every run in a database: folding its journal gives its rows, to the last field. Of those
 * that have ended the other invariants too. I4: epochs never fall along a journal.
 */
export async function assertRunsFold(
  database: Database,
  readLarge: ReadLargeSpec = refuseLarge,
): Promise<number> {
  const plans = new Map<string, Promise<Plan>>();
  const planOf = (digest: string) => {
    const known = plans.get(digest) ?? readPlan(database, digest, readLarge);
    plans.set(digest, known);
    return known;
  };
  const { rows } = await database.query(selectAll);
  for (const { id, namespace } of rows) {
    const record = await loadRun(database, namespace, id);
    const plan = await planOf(record.specDigest);
    const journal = await readJournal(database, id);
    const run = fold(plan, journal);
    const expected = recordsOf(run, journal);
    assert.deepEqual(record, expected.run, `fold(journal) is not the row of run ${id}`);
    const tasks = await readTasks(database, id);
    const message = `fold(journal) is not the rows of the tasks of run ${id}`;
    assert.deepEqual(
      tasks.map(({ task }) => task),
      expected.tasks,
      message,
    );
    const attempts = tasks.flatMap((task) => task.attempts);
    assert.deepEqual(attempts, expected.attempts, `attempts of run ${id}`);
    if (isFinalRun(run.state)) assert.deepEqual(checkJournal(plan, journal), [], `run ${id}`);
  }
  const foreign = await database.query(selectForeign);
  assert.deepEqual(foreign.rows, [], "I4: an older epoch wrote after a newer one");
  return rows.length;
}

export async function readJournal(database: Database, runId: string): Promise<JournalEvent[]> {
  const events: JournalEvent[] = [];
  for (;;) {
    const page = await listJournal(database, runId, events.length);
    if (page.length === 0) return events;
    events.push(...page.map(({ payload }) => decodeJournalEvent(payload)));
  }
}

async function readPlan(
  database: Database,
  digest: string,
  readLarge: ReadLargeSpec,
): Promise<Plan> {
  const { content } = await loadSpecRow(database, digest);
  return compilePlan((await loadAcceptedSpec(content ?? (await readLarge(digest)))).spec);
}

async function readTasks(database: Database, runId: string) {
  const tasks = [];
  for (let afterOrdinal = -1; ; ) {
    const page = await listTasks(database, {
      runId,
      afterOrdinal,
      changedAfterSeq: 0,
      limit: 1_000,
    });
    tasks.push(...page.tasks);
    const last = page.tasks.at(-1);
    if (!page.more || last === undefined) return tasks;
    afterOrdinal = last.task.ordinal;
  }
}
