import { type Queryable, statement } from "@tidemill/postgres";

export interface JournalRow {
  readonly seq: number;
  readonly epoch: number;
  readonly payload: Uint8Array;
}

export const JOURNAL_PAGE_ENTRIES = 2_000;

const selectPage = statement<JournalRow>(
  "journal_page",
  `select seq, epoch, payload from journal where run_id = $1 and seq > $2
   order by seq limit ${JOURNAL_PAGE_ENTRIES}`,
);

const selectHead = statement<{ seq: number | null }>(
  "journal_head",
  "select max(seq) as seq from journal where run_id = $1",
);

const selectLive = statement<{ id: string; shard: number }>(
  "runs_live",
  `select id, shard from runs
   where shard = any ($1::smallint[]) and state in ('pending', 'running', 'canceling')
   order by id`,
);

/** The entries of a run after one, at most JOURNAL_PAGE_ENTRIES. */
export async function listJournal(
  db: Queryable,
  runId: string,
  afterSeq: number,
): Promise<readonly JournalRow[]> {
  return (await db.query(selectPage, [runId, afterSeq])).rows;
}

/** Sequence number of a run's last entry; 0 when it has none. */
export async function findJournalHead(db: Queryable, runId: string): Promise<number> {
  return (await db.query(selectHead, [runId])).rows[0]?.seq ?? 0;
}

/** Runs of these shards that have not ended, oldest first. */
export async function listLiveRuns(
  db: Queryable,
  shards: readonly number[],
): Promise<readonly { readonly id: string; readonly shard: number }[]> {
  return (await db.query(selectLive, [shards])).rows;
}
