import { ConflictError, type TidemillError, UnavailableError } from "@tidemill/errors";
import { kyselyOver } from "./kysely-pool.ts";
import { isConnectionLoss } from "./map-error.ts";
import type { Transaction, TransactionOptions } from "./queryable.ts";
import type { Session } from "./session.ts";

/** Runs `work` in a transaction, again after a ConflictError as often as the caller allows. */
export async function runTransaction<Value>(
  acquire: () => Promise<Session>,
  work: (tx: Transaction) => Promise<Value>,
  options: TransactionOptions,
): Promise<Value> {
  for (let retriesLeft = options.retriesMax ?? 0; ; retriesLeft--) {
    try {
      return await runOnce(await acquire(), work, options);
    } catch (error) {
      if (retriesLeft <= 0 || !(error instanceof ConflictError)) throw error;
    }
  }
}

/**
 * `begin` is sent without waiting for its answer, so it travels with the first statements. Should
 * it fail, the connection is closed: statements behind it may have run outside a transaction.
 */
async function runOnce<Value>(
  session: Session,
  work: (tx: Transaction) => Promise<Value>,
  options: TransactionOptions,
): Promise<Value> {
  if (options.unlimited === true) session.lift();
  try {
    const begun = session.text(beginText(options));
    begun.catch(() => session.discard());
    const answer = await workOrRollback(session, begun, work);
    await commit(session);
    return answer;
  } finally {
    session.release();
  }
}

async function workOrRollback<Value>(
  session: Session,
  begun: Promise<unknown>,
  work: (tx: Transaction) => Promise<Value>,
): Promise<Value> {
  try {
    const answer = await work(transactionOver(session));
    await begun;
    return answer;
  } catch (error) {
    await session.text("rollback").catch(() => session.discard());
    throw error;
  }
}

/** Throws when the server rolled back instead, because `work` had swallowed a statement's error. */
async function commit(session: Session): Promise<void> {
  try {
    const { command } = await session.text("commit");
    if (command === "ROLLBACK") throw new Error("bug: a failed statement's error was swallowed");
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    throw outcomeUnknown(error);
  }
}

/** The server went away during the commit: it may or may not have happened. */
function outcomeUnknown(cause: unknown): TidemillError {
  return new UnavailableError(
    "postgres",
    "postgres went away while committing: look before you repeat",
    {
      cause,
      metadata: { commit: "unknown" },
    },
  );
}

function beginText(options: TransactionOptions): string {
  const isolation = options.isolation ?? "read committed";
  const access = options.readOnly === true ? " read only" : "";
  const limits =
    options.unlimited === true
      ? "; set local statement_timeout = 0; set local lock_timeout = 0"
      : "";
  return `begin isolation level ${isolation}${access}${limits}`;
}

function transactionOver(session: Session): Transaction {
  return {
    transaction: true,
    query: (statement, values = []) => session.run(statement, values),
    async execute(sql) {
      await session.text(sql);
    },
    kysely: <Tables>() =>
      kyselyOver<Tables>(
        () => Promise.resolve(session),
        () => {},
      ),
  };
}
