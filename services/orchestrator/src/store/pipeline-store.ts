import { AlreadyExistsError, NotFoundError } from "@tidemill/errors";
import { onUnique, type Queryable, statement } from "@tidemill/postgres";
import { versionName } from "../domain/names.ts";
import type { PipelineRecord, PipelineVersionRecord } from "./records.ts";
import {
  type PipelineRow,
  type PipelineVersionRow,
  pipelineFromRow,
  pipelineVersionFromRow,
} from "./rows.ts";
import { requireUuid } from "./uuid.ts";

const insertNamespaceRow = statement(
  "namespaces_ensure",
  `insert into namespaces (name, created_by, created_at) values ($1, $2, to_timestamp($3 / 1000.0))
   on conflict on constraint namespaces_pkey do nothing`,
);

const insertPipelineRow = statement(
  "pipelines_insert",
  `insert into pipelines (id, namespace, name, description, created_by, created_at)
   values ($1, $2, $3, $4, $5, to_timestamp($6 / 1000.0))`,
);

const insertVersionRow = statement(
  "pipeline_versions_insert",
  `insert into pipeline_versions (id, pipeline_id, namespace, name, description, spec_digest,
     spec_size_bytes, pipeline_name, created_by, created_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10 / 1000.0))`,
);

const selectById = statement<PipelineRow>(
  "pipelines_get",
  "select * from pipelines where namespace = $1 and id = $2",
);

const selectByName = statement<PipelineRow>(
  "pipelines_get_by_name",
  "select * from pipelines where namespace = $1 and name = $2",
);

const selectPage = statement<PipelineRow>(
  "pipelines_list",
  "select * from pipelines where namespace = $1 and id < $2 order by id desc limit $3",
);

const selectVersion = statement<PipelineVersionRow>(
  "pipeline_versions_get",
  "select * from pipeline_versions where namespace = $1 and id = $2",
);

const lockPipeline = statement("pipelines_lock", "select from pipelines where id = $1 for update");

/** Names of nine digits at most, so that none is too large for the number. */
const selectLastVersion = statement<{ last: number }>(
  "pipeline_versions_last",
  `select greatest(
     count(*),
     coalesce(max(substring(name from '^v([0-9]{1,9})$')::integer), 0)
   )::integer as last
   from pipeline_versions where pipeline_id = $1`,
);

const selectVersionPage = statement<PipelineVersionRow>(
  "pipeline_versions_list",
  "select * from pipeline_versions where pipeline_id = $1 and id < $2 order by id desc limit $3",
);

/** Creates the row of a namespace that is used for the first time. */
export async function ensureNamespace(
  db: Queryable,
  namespace: string,
  by: { readonly createdBy: string; readonly createdAt: number },
): Promise<void> {
  await db.query(insertNamespaceRow, [namespace, by.createdBy, by.createdAt]);
}

/** Throws AlreadyExistsError when the namespace has a pipeline of that name. */
export async function insertPipeline(db: Queryable, pipeline: PipelineRecord): Promise<void> {
  const { id, namespace, name, description, createdBy, createdAt } = pipeline;
  const values = [id, namespace, name, description, createdBy, createdAt];
  await onUnique(db.query(insertPipelineRow, values), {
    pipelines_namespace_name_key: () => new AlreadyExistsError("pipeline", name),
  });
}

/** Throws AlreadyExistsError when the pipeline has a version of that name. */
export async function insertPipelineVersion(
  db: Queryable,
  version: PipelineVersionRecord,
): Promise<void> {
  const insert = db.query(insertVersionRow, [
    version.id,
    version.pipelineId,
    version.namespace,
    version.name,
    version.description,
    version.specDigest,
    version.specSizeBytes,
    version.pipelineName,
    version.createdBy,
    version.createdAt,
  ]);
  await onUnique(insert, {
    pipeline_versions_pipeline_id_name_key: () =>
      new AlreadyExistsError("pipeline version", version.name),
  });
}

/** The name of a version that was given none. Holds up others that add versions of the pipeline. */
export async function nextVersionName(db: Queryable, pipelineId: string): Promise<string> {
  await db.query(lockPipeline, [pipelineId]);
  const [row] = (await db.query(selectLastVersion, [pipelineId])).rows;
  return versionName((row?.last ?? 0) + 1);
}

export type PipelineKey =
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "name"; readonly name: string };

/** Throws NotFoundError. */
export async function loadPipeline(
  db: Queryable,
  namespace: string,
  key: PipelineKey,
): Promise<PipelineRecord> {
  if (key.kind === "id") requireUuid("pipeline", key.id);
  const { rows } =
    key.kind === "id"
      ? await db.query(selectById, [namespace, key.id])
      : await db.query(selectByName, [namespace, key.name]);
  const [row] = rows;
  if (row === undefined) {
    throw new NotFoundError("pipeline", key.kind === "id" ? key.id : key.name);
  }
  return pipelineFromRow(row);
}

export interface PageQuery {
  readonly beforeId: string;
  readonly limit: number;
}

/** Newest first. */
export async function listPipelines(
  db: Queryable,
  namespace: string,
  { beforeId, limit }: PageQuery,
): Promise<PipelineRecord[]> {
  return (await db.query(selectPage, [namespace, beforeId, limit])).rows.map(pipelineFromRow);
}

/** Throws NotFoundError. */
export async function loadPipelineVersion(
  db: Queryable,
  namespace: string,
  id: string,
): Promise<PipelineVersionRecord> {
  requireUuid("pipeline version", id);
  const [row] = (await db.query(selectVersion, [namespace, id])).rows;
  if (row === undefined) throw new NotFoundError("pipeline version", id);
  return pipelineVersionFromRow(row);
}

/** Newest first. */
export async function listPipelineVersions(
  db: Queryable,
  pipelineId: string,
  { beforeId, limit }: PageQuery,
): Promise<PipelineVersionRecord[]> {
  const { rows } = await db.query(selectVersionPage, [pipelineId, beforeId, limit]);
  return rows.map(pipelineVersionFromRow);
}
