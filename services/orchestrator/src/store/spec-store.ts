import { NotFoundError } from "@tidemill/errors";
import { type Queryable, statement } from "@tidemill/postgres";
import type { SpecRecord } from "./records.ts";

/** A specification up to this size is kept in a row; a larger one in the artifact service. */
export const SPEC_INLINE_BYTES_MAX = 1024 * 1024;

const insertRow = statement(
  "specs_ensure",
  `insert into specs (digest, size_bytes, pipeline_name, content, created_at)
   values ($1, $2, $3, $4, to_timestamp($5 / 1000.0))
   on conflict on constraint specs_pkey do nothing`,
);

const selectRow = statement<{ size_bytes: number; content: Buffer | null }>(
  "specs_get",
  "select size_bytes, content from specs where digest = $1",
);

/** Keeps a specification; the same one again changes nothing. */
export async function ensureSpec(db: Queryable, spec: SpecRecord): Promise<void> {
  const { digest, sizeBytes, pipelineName, content, createdAt } = spec;
  await db.query(insertRow, [digest, sizeBytes, pipelineName, content ?? null, createdAt]);
}

/** Size and, for one that lies in the row, content. Throws NotFoundError. */
export async function loadSpecRow(
  db: Queryable,
  digest: string,
): Promise<Pick<SpecRecord, "sizeBytes" | "content">> {
  const [row] = (await db.query(selectRow, [digest])).rows;
  if (row === undefined) throw new NotFoundError("specification", digest);
  return { sizeBytes: row.size_bytes, content: row.content ?? undefined };
}
