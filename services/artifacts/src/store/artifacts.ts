import { type KeptTable, type Queryable, statement } from "@tidemill/postgres";
import type { Artifact, ArtifactContent } from "../domain/artifact.ts";
import { requireDigest } from "../domain/digest.ts";

/** Records are what people come back to months later: they are kept until somebody deletes them. */
const ARTIFACTS_RETENTION_MS: number | undefined = undefined;

export const artifactsTable: KeptTable = {
  table: "artifacts",
  granularity: "month",
  retentionMs: ARTIFACTS_RETENTION_MS,
};

interface ArtifactRow {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly schema_title: string;
  readonly schema_version: string;
  readonly instance_schema: string;
  readonly uri: string;
  readonly metadata: string;
  readonly blob_digest: string | null;
  readonly tree_digest: string | null;
  readonly size_bytes: number;
  readonly run_id: string;
  readonly task_id: string;
  readonly attempt_id: string;
  readonly output: string;
  readonly created_by: string;
  readonly created_at: Date;
}

const columns = `id, namespace, name, schema_title, schema_version, instance_schema, uri, metadata,
   blob_digest, tree_digest, size_bytes, run_id, task_id, attempt_id, output, created_by,
   created_at`;

const insert = statement(
  "artifacts_insert",
  `insert into artifacts (${columns}) values
   ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
);

const selectOne = statement<ArtifactRow>(
  "artifacts_find",
  `select ${columns} from artifacts where namespace = $1 and id = $2::uuid`,
);

const selectPage = statement<ArtifactRow>(
  "artifacts_list",
  `select ${columns} from artifacts
   where namespace = $1 and id < $2::uuid order by id desc limit $3`,
);

const selectPageOfRun = statement<ArtifactRow>(
  "artifacts_list_of_run",
  `select ${columns} from artifacts
   where namespace = $1 and run_id = $4 and run_id <> '' and id < $2::uuid
   order by id desc limit $3`,
);

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Where a list that starts with the newest begins. */
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

export async function insertArtifact(tx: Queryable, artifact: Artifact): Promise<void> {
  const { content, producer } = artifact;
  await tx.query(insert, [
    artifact.id,
    artifact.namespace,
    artifact.name,
    artifact.schemaTitle,
    artifact.schemaVersion,
    artifact.instanceSchema,
    artifact.uri,
    artifact.metadata,
    content.kind === "blob" ? content.digest : null,
    content.kind === "tree" ? content.digest : null,
    artifact.sizeBytes,
    producer.runId,
    producer.taskId,
    producer.attemptId,
    producer.output,
    artifact.createdBy,
    new Date(artifact.createdAt).toISOString(),
  ]);
}

export async function findArtifact(
  db: Queryable,
  namespace: string,
  id: string,
): Promise<Artifact | undefined> {
  if (!uuid.test(id)) return undefined;
  const [row] = (await db.query(selectOne, [namespace, id])).rows;
  return row === undefined ? undefined : fromRow(row);
}

/** Newest first, those behind `beforeId`; all of the namespace, or those that one run made. */
export async function listArtifacts(
  db: Queryable,
  query: {
    readonly namespace: string;
    readonly runId: string;
    readonly beforeId: string | undefined;
    readonly limit: number;
  },
): Promise<readonly Artifact[]> {
  const values = [query.namespace, query.beforeId ?? LAST_ID, query.limit];
  const { rows } =
    query.runId === ""
      ? await db.query(selectPage, values)
      : await db.query(selectPageOfRun, [...values, query.runId]);
  return rows.map(fromRow);
}

function fromRow(row: ArtifactRow): Artifact {
  return {
    id: row.id,
    namespace: row.namespace,
    name: row.name,
    schemaTitle: row.schema_title,
    schemaVersion: row.schema_version,
    instanceSchema: row.instance_schema,
    uri: row.uri,
    metadata: row.metadata,
    content: contentOf(row),
    sizeBytes: row.size_bytes,
    producer: {
      runId: row.run_id,
      taskId: row.task_id,
      attemptId: row.attempt_id,
      output: row.output,
    },
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
  };
}

function contentOf(row: ArtifactRow): ArtifactContent {
  if (row.blob_digest !== null) return { kind: "blob", digest: requireDigest(row.blob_digest) };
  if (row.tree_digest !== null) return { kind: "tree", digest: requireDigest(row.tree_digest) };
  return { kind: "none" };
}
