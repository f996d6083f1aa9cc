import { IntegrityError } from "@tidemill/errors";
import type { Queryable } from "@tidemill/postgres";
import { applyEvent } from "../domain/apply-event.ts";
import type { Plan } from "../domain/plan.ts";
import type { Run } from "../domain/run.ts";
import { decodeJournalEvent } from "../store/journal-codec.ts";
import { JOURNAL_PAGE_ENTRIES, listJournal } from "../store/journal-queries.ts";
import type { Lease } from "../store/shard-store.ts";
import type { LiveRun } from "./live-run.ts";

export interface RunLoaderOptions {
  readonly database: Queryable;
  readonly planOf: (specDigest: string) => Promise<Plan>;
}

/** Reads a run's journal into memory; undefined when there is none. */
export type RunLoader = (runId: string, lease: Lease) => Promise<LiveRun | undefined>;

/** Folds page by page, so that a large run neither fills the memory nor holds the event loop. */
export function createRunLoader({ database, planOf }: RunLoaderOptions): RunLoader {
  return async (runId, lease) => {
    let plan: Plan | undefined;
    let run: Run | undefined;
    let lastSeq = 0;
    for (;;) {
      const rows = await listJournal(database, runId, lastSeq);
      for (const { seq, payload } of rows) {
        if (seq !== lastSeq + 1) throw gap(runId, lastSeq, seq);
        const event = decodeJournalEvent(payload);
        if (event.kind === "runCreated") plan = await planOf(event.specDigest);
        if (plan === undefined) throw gap(runId, lastSeq, seq);
        run = applyEvent(run, plan, event);
        lastSeq = seq;
      }
      if (rows.length < JOURNAL_PAGE_ENTRIES) break;
    }
    if (run === undefined || plan === undefined) return undefined;
    return {
      id: runId,
      run,
      plan,
      lease,
      lastSeq,
      tasksRecorded: run.tasks.size,
      dead: false,
      commitsUnderWay: 0,
      lastCommit: Promise.resolve(),
    };
  };
}

function gap(runId: string, lastSeq: number, seq: number): IntegrityError {
  return new IntegrityError(
    "JOURNAL_GAP",
    `the journal of run "${runId}" goes from entry ${lastSeq} to ${seq}: restore a backup`,
  );
}
