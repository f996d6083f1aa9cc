import { type Queryable, statement } from "@tidemill/postgres";
import type { Digest } from "../domain/digest.ts";
import type { TreeRecord } from "../domain/tree.ts";

const insert = statement(
  "trees_insert",
  `insert into trees (namespace, digest, size_bytes, file_count, created_by, created_at)
   values ($1, $2, $3, $4, $5, $6) on conflict on constraint trees_pkey do nothing`,
);

const selectOne = statement<{ size_bytes: number; file_count: number }>(
  "trees_find",
  "select size_bytes, file_count from trees where namespace = $1 and digest = $2",
);

export async function insertTree(
  tx: Queryable,
  tree: TreeRecord & {
    readonly namespace: string;
    readonly createdBy: string;
    readonly createdAt: number;
  },
): Promise<void> {
  await tx.query(insert, [
    tree.namespace,
    tree.digest,
    tree.sizeBytes,
    tree.fileCount,
    tree.createdBy,
    new Date(tree.createdAt).toISOString(),
  ]);
}

export async function findTree(
  db: Queryable,
  namespace: string,
  digest: Digest,
): Promise<TreeRecord | undefined> {
  const [row] = (await db.query(selectOne, [namespace, digest])).rows;
  if (row === undefined) return undefined;
  return { digest, sizeBytes: row.size_bytes, fileCount: row.file_count };
}
