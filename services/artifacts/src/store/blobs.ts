import { type Queryable, statement } from "@tidemill/postgres";
import { type Digest, requireDigest } from "../domain/digest.ts";

/** A blob that a namespace may read. */
export interface BlobRecord {
  readonly namespace: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly createdBy: string;
  readonly createdAt: number;
}

interface BlobRow {
  readonly digest: string;
  readonly size_bytes: number;
  readonly created_by: string;
  readonly created_at: Date;
}

const insert = statement(
  "blobs_insert",
  `insert into blobs (namespace, digest, size_bytes, created_by, created_at)
   select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
   on conflict on constraint blobs_pkey do nothing`,
);

const selectOne = statement<BlobRow>(
  "blobs_find",
  `select digest, size_bytes, created_by, created_at from blobs
   where namespace = $1 and digest = $2`,
);

const selectSizes = statement<{ digest: string; size_bytes: number }>(
  "blobs_sizes",
  "select digest, size_bytes from blobs where namespace = $1 and digest = any ($2::text[])",
);

/** Makes blobs readable in their namespaces; those that are already stay as they are. */
export async function insertBlobs(tx: Queryable, blobs: readonly BlobRecord[]): Promise<void> {
  await tx.query(insert, [
    blobs.map((blob) => blob.namespace),
    blobs.map((blob) => blob.digest),
    blobs.map((blob) => blob.sizeBytes),
    blobs.map((blob) => blob.createdBy),
    blobs.map((blob) => new Date(blob.createdAt).toISOString()),
  ]);
}

export async function findBlob(
  db: Queryable,
  namespace: string,
  digest: Digest,
): Promise<BlobRecord | undefined> {
  const [row] = (await db.query(selectOne, [namespace, digest])).rows;
  if (row === undefined) return undefined;
  return {
    namespace,
    digest,
    sizeBytes: row.size_bytes,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
  };
}

/** The sizes of those of the blobs that the namespace has. */
export async function findBlobSizes(
  db: Queryable,
  namespace: string,
  digests: readonly Digest[],
): Promise<ReadonlyMap<Digest, number>> {
  if (digests.length === 0) return new Map();
  const { rows } = await db.query(selectSizes, [namespace, digests]);
  return new Map(rows.map((row) => [requireDigest(row.digest), row.size_bytes]));
}
