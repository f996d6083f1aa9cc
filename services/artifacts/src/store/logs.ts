import { type KeptTable, type Queryable, statement } from "@tidemill/postgres";
import { type Digest, requireDigest } from "../domain/digest.ts";
import { isLogStream, type LogKey, type LogRecord } from "../domain/log.ts";

/** A run's logs can be found for `retentionMs` after it was created. */
export function logsTable(retentionMs: number): KeptTable {
  return { table: "logs", granularity: "month", retentionMs };
}

interface LogRow {
  readonly namespace: string;
  readonly run_id: string;
  readonly task_id: string;
  readonly attempt: number;
  readonly stream: string;
  readonly blob_digest: string | null;
  readonly size_bytes: number | null;
}

const columns = "namespace, run_id, task_id, attempt, stream, blob_digest, size_bytes";

const insert = statement(
  "logs_insert",
  `insert into logs (namespace, run_id, task_id, attempt, stream, created_at)
   select * from unnest($1::text[], $2::uuid[], $3::text[], $4::integer[], $5::text[],
                        $6::timestamptz[])
   on conflict on constraint logs_pkey do nothing`,
);

const selectOne = statement<LogRow>(
  "logs_find",
  `select ${columns} from logs
   where run_id = $2::uuid and namespace = $1 and task_id = $3 and attempt = $4 and stream = $5`,
);

const seal = statement(
  "logs_seal",
  `insert into logs (namespace, run_id, task_id, attempt, stream, created_at,
                     blob_digest, size_bytes, sealed_at)
   values ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $6)
   on conflict on constraint logs_pkey do update
   set blob_digest = excluded.blob_digest, size_bytes = excluded.size_bytes,
       sealed_at = excluded.sealed_at
   where logs.blob_digest is null`,
);

const selectPage = statement<LogRow>(
  "logs_list",
  `select ${columns} from logs
   where run_id = $2::uuid and namespace = $1 and ($3 = '' or task_id = $3)
     and (task_id, attempt, stream) > ($4, $5::integer, $6)
   order by task_id, attempt, stream limit $7`,
);

function keyValues(key: LogKey): unknown[] {
  return [key.namespace, key.runId, key.taskId, key.attempt, key.stream];
}

/** Notes that logs exist; those that are known already stay as they are. */
export async function insertLogs(
  tx: Queryable,
  keys: readonly LogKey[],
  createdAt: number,
): Promise<void> {
  await tx.query(insert, [
    keys.map((key) => key.namespace),
    keys.map((key) => key.runId),
    keys.map((key) => key.taskId),
    keys.map((key) => key.attempt),
    keys.map((key) => key.stream),
    keys.map(() => new Date(createdAt).toISOString()),
  ]);
}

export async function findLog(db: Queryable, key: LogKey): Promise<LogRecord | undefined> {
  const [row] = (await db.query(selectOne, keyValues(key))).rows;
  return row === undefined ? undefined : fromRow(row);
}

/** Notes that a log has become a blob. */
export async function sealLogRow(
  tx: Queryable,
  key: LogKey,
  sealed: { readonly digest: Digest; readonly sizeBytes: number; readonly at: number },
): Promise<void> {
  const at = new Date(sealed.at).toISOString();
  await tx.query(seal, [...keyValues(key), at, sealed.digest, sealed.sizeBytes]);
}

export interface LogsQuery {
  readonly namespace: string;
  readonly runId: string;
  /** `""` means all tasks. */
  readonly taskId: string;
  readonly after: { readonly taskId: string; readonly attempt: number; readonly stream: string };
  readonly limit: number;
}

/** The logs of a run by task, attempt and stream. */
export async function listLogs(db: Queryable, query: LogsQuery): Promise<readonly LogRecord[]> {
  const { after } = query;
  const { rows } = await db.query(selectPage, [
    query.namespace,
    query.runId,
    query.taskId,
    after.taskId,
    after.attempt,
    after.stream,
    query.limit,
  ]);
  return rows.map(fromRow);
}

function fromRow(row: LogRow): LogRecord {
  if (!isLogStream(row.stream)) throw new Error(`bug: log stream "${row.stream}"`);
  const key: LogKey = {
    namespace: row.namespace,
    runId: row.run_id,
    taskId: row.task_id,
    attempt: row.attempt,
    stream: row.stream,
  };
  if (row.blob_digest === null || row.size_bytes === null) return { key, state: { kind: "open" } };
  const digest = requireDigest(row.blob_digest);
  return { key, state: { kind: "sealed", digest, sizeBytes: row.size_bytes } };
}
