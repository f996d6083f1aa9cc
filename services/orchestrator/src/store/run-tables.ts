import { type KeptTable, type Queryable, statement } from "@tidemill/postgres";

/** Updated rows find room on their own page. */
const HOT_FILLFACTOR = 70;

const selectLiveOf = (partition: string) =>
  statement<{ live: boolean }>(
    `live_runs_${partition}`,
    `select exists (
       select from "${partition}" where state in ('pending', 'running', 'canceling')) as live`,
  );

/**
 * The tables that grow with runs. A partition goes when it is old and none of its runs is still
 * under way; parts of a run go before the run itself, and all of a month in the same round.
 */
export function runTables(db: Queryable, retentionMs: number): readonly KeptTable[] {
  const mayDrop = async (partition: string): Promise<boolean> => {
    const runs = partition.replace(/^[a-z]+_/, "runs_");
    return (await db.query(selectLiveOf(runs))).rows[0]?.live === false;
  };
  const kept = { granularity: "month", retentionMs, mayDrop } as const;
  return [
    { table: "journal", ...kept },
    { table: "attempts", fillfactor: HOT_FILLFACTOR, ...kept },
    { table: "tasks", fillfactor: HOT_FILLFACTOR, ...kept },
    { table: "runs", fillfactor: HOT_FILLFACTOR, ...kept },
  ];
}
