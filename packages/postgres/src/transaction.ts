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
    if (options.atOnce === true) return await workAndCommit(session, work, options);
    const begun = begin(session, options);
    const answer = await workOrRollback(session, begun, work);
    await commit(session);
    return answer;
  } finally {
    session.release();
  }
}

function begin(session: Session, options: TransactionOptions): Promise<unknown> {
  const begun = session.text(beginText(options));
  begun.catch(() => session.discard());
  return begun;
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
    await rollback(session);
    throw error;
  }
}

async function rollback(session: Session): Promise<void> {
  await session.text("rollback").catch(() => session.discard());
}

/** The server commits only where no statement failed, so no answer has to be waited for before. */
async function workAndCommit<Value>(
  session: Session,
  work: (tx: Transaction) => Promise<Value>,
  options: TransactionOptions,
): Promise<Value> {
  session.cork();
  const begun = begin(session, options);
  let failed = false;
  const working = work(transactionOver(session));
  working.catch(() => {
    failed = true;
  });
  // A statement that could not even be sent has said so by the next tick: it must not be left out.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  const ending = failed ? rollback(session) : commit(session);
  session.uncork();
  const [worked] = await Promise.allSettled([working, ending, begun]);
  await begun;
  if (worked.status === "fulfilled") {
    await ending;
    return worked.value;
  }
  // However far the server came, it had the commit as well.
  if (isConnectionLoss(worked.reason)) throw outcomeUnknown(worked.reason);
  throw worked.reason;
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
