import { InvalidError } from "@tidemill/errors";
import type { Queryable, Transaction } from "./queryable.ts";
import { statement } from "./statement.ts";

/** What makes two requests the same one, and a digest of what they ask for. */
export interface IdempotencyKey {
  readonly namespace: string;
  /** Full name of the RPC. */
  readonly method: string;
  readonly caller: string;
  readonly requestId: string;
  readonly digest: Uint8Array;
}

/** How an answer is kept. */
export interface Codec<Answer> {
  encode(answer: Answer): Uint8Array;
  decode(bytes: Uint8Array): Answer;
}

/** Answers are kept at least this long after the call. */
export const IDEMPOTENCY_RETENTION_MS = 24 * 60 * 60 * 1000;

const SWEEP_ROWS_MAX = 1_000;

const claim = statement(
  "idempotency_claim",
  `insert into idempotency_keys (namespace, method, caller, request_id, digest)
   values ($1, $2, $3, $4, $5)
   on conflict on constraint idempotency_keys_pkey do nothing`,
);

const find = statement<{ digest: Buffer; answer: Buffer | null }>(
  "idempotency_find",
  `select digest, answer from idempotency_keys
   where namespace = $1 and method = $2 and caller = $3 and request_id = $4`,
);

const keep = statement(
  "idempotency_keep",
  `update idempotency_keys set answer = $5
   where namespace = $1 and method = $2 and caller = $3 and request_id = $4`,
);

const sweep = statement(
  "idempotency_sweep",
  `delete from idempotency_keys where ctid = any (array(
     select ctid from idempotency_keys where created_at < $1 limit ${SWEEP_ROWS_MAX}))`,
);

/**
 * Runs `work` once per key: a repeat gets the first answer, a different request under the same id
 * throws InvalidError REQUEST_ID_REUSED. The key is part of the transaction, so a failure leaves
 * nothing behind, and a duplicate that comes meanwhile waits for the first one to end. Without a
 * key `work` just runs.
 */
export async function once<Answer>(
  tx: Transaction,
  key: IdempotencyKey | undefined,
  codec: Codec<Answer>,
  work: () => Promise<Answer>,
): Promise<Answer> {
  if (key === undefined) return work();
  const id = [key.namespace, key.method, key.caller, key.requestId];
  const claimed = await tx.query(claim, [...id, key.digest]);
  if (claimed.rowCount === 1) {
    const answer = await work();
    await tx.query(keep, [...id, codec.encode(answer)]);
    return answer;
  }
  const { rows } = await tx.query(find, id);
  const [first] = rows;
  // Swept between the two statements: the caller repeats a call that is more than a day old.
  if (first === undefined) return once(tx, key, codec, work);
  if (!first.digest.equals(key.digest)) throw reused(key);
  if (first.answer === null) throw new Error(`bug: request ${key.requestId} was kept unanswered`);
  return codec.decode(first.answer);
}

function reused(key: IdempotencyKey): InvalidError {
  const rule = "use a new request_id for a different request";
  return new InvalidError(
    "REQUEST_ID_REUSED",
    `request_id "${key.requestId}" was used for another request of ${key.method}: ${rule}`,
    [{ field: "request_id", description: rule }],
  );
}

/** Deletes answers that have been kept long enough; returns how many. */
export async function sweepIdempotencyKeys(
  db: Queryable,
  nowMs: number,
  retentionMs: number = IDEMPOTENCY_RETENTION_MS,
): Promise<number> {
  const before = new Date(nowMs - retentionMs);
  for (let total = 0; ; ) {
    const { rowCount } = await db.query(sweep, [before]);
    total += rowCount;
    if (rowCount < SWEEP_ROWS_MAX) return total;
  }
}
