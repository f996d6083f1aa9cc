import { InvalidError } from "@tidemill/errors";
import { isFinalRun } from "../domain/states.ts";
import type { RunSubscription } from "../engine/run-changes.ts";
import { findJournalHead } from "../store/journal-queries.ts";
import type { RunRecord } from "../store/records.ts";
import { findTasks, listTasks, loadRun, type TaskWithAttempts } from "../store/run-queries.ts";
import type { OperationContext } from "./operation-context.ts";

export interface WatchRun {
  readonly namespace: string;
  readonly runId: string;
  /** `""` starts with everything as it is. */
  readonly resumeToken: string;
}

export interface WatchedChange {
  /** The run, when it changed. */
  readonly run: RunRecord | undefined;
  readonly tasks: readonly TaskWithAttempts[];
  readonly resumeToken: string;
  /** All that had changed by the time of the call has been sent. */
  readonly caughtUp: boolean;
}

/** Tasks of one message. */
const TASKS_PER_CHANGE_MAX = 200;

/**
 * Changes come from this process as they are committed. This is for runs that another one owns, and
 * a safety net for the rest.
 */
const LOOK_AGAIN_MS = 1_000;

/** Rows are read at most so often for one watcher, who is a person: 20 times a second. */
const LOOK_PACE_MS = 50;

/**
 * Where a watcher is. Everything up to journal entry `seq` has been sent; while a pass over the
 * tasks that changed since then is under way, those up to `ordinal` have been sent as well, and at
 * its end everything up to `head`.
 */
interface Position {
  seq: number;
  pass: { readonly head: number; ordinal: number } | undefined;
}

type WatchContext = Pick<OperationContext, "database" | "engine" | "tokens">;

/**
 * A run and its tasks as they are, then every change until the run has ended. Rows are read when
 * the reader asks for more, so a slow one gets several changes in one and holds up nothing.
 */
export async function* watchRun(
  context: WatchContext,
  watch: WatchRun,
  signal: AbortSignal,
): AsyncGenerator<WatchedChange> {
  const { database, engine } = context;
  const position = openPosition(context, watch);
  let run = await loadRun(database, watch.namespace, watch.runId);
  const subscription = engine.changes.subscribe(run.id);
  let sentRunSeq = watch.resumeToken === "" ? 0 : position.seq;
  let caughtUp = false;
  try {
    while (!signal.aborted) {
      // Rows read from here on show at least what `change` speaks of.
      const change = subscription.take();
      const head = await findJournalHead(database, run.id);
      run = await loadRun(database, watch.namespace, run.id);
      const known = { head, change, caughtUp };
      for await (const tasks of changedTasks(context, run.id, position, known)) {
        const isLast = position.pass === undefined;
        // Whoever is shown that a run has ended has been shown the end of every task.
        const isWhole = isLast && position.seq >= run.changedSeq;
        const isShown = run.changedSeq > sentRunSeq && (isWhole || !isFinalRun(run.state));
        const changedRun = isShown ? run : undefined;
        if (changedRun !== undefined) sentRunSeq = run.changedSeq;
        const isNews = changedRun !== undefined || tasks.length > 0 || (isLast && !caughtUp);
        if (isLast) caughtUp = true;
        if (!isNews) continue;
        yield { run: changedRun, tasks, resumeToken: seal(context, run.id, position), caughtUp };
      }
      if (isFinalRun(run.state) && position.seq >= run.changedSeq) return;
      await subscription.changed({ paceMs: LOOK_PACE_MS, idleMs: LOOK_AGAIN_MS }, signal);
    }
  } finally {
    subscription.close();
  }
}

interface Known {
  readonly head: number;
  /** Everything before what the subscription collects has been sent. */
  readonly caughtUp: boolean;
  readonly change: ReturnType<RunSubscription["take"]>;
}

/** The tasks that changed since the position, in portions; moves the position along. */
async function* changedTasks(
  { database }: WatchContext,
  runId: string,
  position: Position,
  { head, change, caughtUp }: Known,
): AsyncGenerator<readonly TaskWithAttempts[]> {
  if (caughtUp && change?.taskIds !== undefined) {
    const ids = [...change.taskIds];
    for (let at = 0; at < ids.length || at === 0; at += TASKS_PER_CHANGE_MAX) {
      const portion = ids.slice(at, at + TASKS_PER_CHANGE_MAX);
      const tasks = portion.length === 0 ? [] : await findTasks(database, runId, portion);
      // Only the last portion moves on: who resumes before it gets the others once more.
      if (at + TASKS_PER_CHANGE_MAX >= ids.length) {
        position.seq = Math.max(position.seq, change.seq);
      }
      yield tasks;
    }
    return;
  }
  if (head === position.seq && position.pass === undefined) return;
  position.pass ??= { head, ordinal: -1 };
  while (position.pass !== undefined) {
    const { tasks, more } = await listTasks(database, {
      runId,
      afterOrdinal: position.pass.ordinal,
      changedAfterSeq: position.seq,
      limit: TASKS_PER_CHANGE_MAX,
    });
    const last = tasks.at(-1);
    if (last !== undefined) position.pass.ordinal = last.task.ordinal;
    if (!more) {
      position.seq = position.pass.head;
      position.pass = undefined;
    }
    yield tasks;
  }
}

function openPosition({ tokens }: WatchContext, { runId, resumeToken }: WatchRun): Position {
  if (resumeToken === "") return { seq: 0, pass: undefined };
  const { watch, seq, head, ordinal } = tokens.open(resumeToken);
  if (watch !== runId || typeof seq !== "number") throw foreignToken(runId);
  const isWithin = typeof head === "number" && typeof ordinal === "number";
  return { seq, pass: isWithin ? { head, ordinal } : undefined };
}

function seal({ tokens }: WatchContext, runId: string, { seq, pass }: Position): string {
  return tokens.sign({ watch: runId, seq, ...pass });
}

function foreignToken(runId: string): InvalidError {
  const rule = "pass resume_token of a response of the same run, or nothing to start over";
  return new InvalidError(
    "BAD_RESUME_TOKEN",
    `the resume token is of another list or run than "${runId}": ${rule}`,
    [{ field: "resume_token", description: rule }],
  );
}
