import { NotFoundError } from "@tidemill/errors";
import { isFinalTask, isLiveAttempt } from "../domain/states.ts";
import type { AttemptRecord } from "../store/records.ts";
import { loadRun, loadTask, type TaskWithAttempts } from "../store/run-queries.ts";
import { mergeStreams } from "./merge-streams.ts";
import type { OperationContext } from "./operation-context.ts";

export const logStreams = ["stdout", "stderr", "system"] as const;
export type LogStreamName = (typeof logStreams)[number];

export interface GetLogs {
  readonly namespace: string;
  readonly runId: string;
  readonly taskId: string;
  /** 0 means the newest. */
  readonly attempt: number;
  readonly follow: boolean;
  readonly tailBytes: number;
}

export interface LogPart {
  readonly stream: LogStreamName;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly timeMs: number | undefined;
}

export interface LogQuery {
  readonly namespace: string;
  readonly runId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly stream: LogStreamName;
  readonly follow: boolean;
  readonly tailBytes: number;
}

/** The log store. A log that is not there is a NotFoundError, or waited for when following. */
export interface LogSource {
  read(query: LogQuery, signal: AbortSignal): AsyncIterable<LogPart>;
}

/**
 * A worker reports the end of an attempt first and then sends what is left of its logs and seals
 * them. Until they are sealed, or this time is over, they may lack their last lines.
 */
export const SEALED_WITHIN_MS = 10_000;

/** One whose worker is gone, or whose time is over: it was sealed before, or never will be. */
const SEALED_LOOK_MS = 1_000;

/** A safety net under what this process is told of changes. */
const LOOK_AGAIN_MS = 1_000;

type LogsContext = Pick<OperationContext, "database" | "engine" | "clock"> & {
  readonly logs: LogSource;
};

/** Names one stream of one attempt, the stream apart. */
type AttemptLogs = Pick<LogQuery, "namespace" | "runId" | "taskId" | "attempt">;

/**
 * What an attempt printed, its streams mixed as they come: all of it when the attempt is over. With
 * `follow` until then, and from before it has begun. Throws NotFoundError.
 */
export async function* getLogs(
  context: LogsContext,
  query: GetLogs,
  signal: AbortSignal,
): AsyncGenerator<LogPart> {
  const run = await loadRun(context.database, query.namespace, query.runId);
  const attempt = await findAttempt(context, query, signal);
  if (attempt === undefined) return;
  const found = { ...query, namespace: run.namespace, attempt: attempt.number };
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  if (query.follow) void endWithAttempt(context, found, ended, until);
  else await untilSealed(context, found, leftToSealMs(context, attempt), signal);
  const streams = logStreams.map((stream) =>
    withoutMissing(context.logs.read({ ...found, stream }, until), ended),
  );
  try {
    yield* mergeStreams(streams);
  } finally {
    ended.abort();
  }
}

/** The attempt that is asked for; when following, once there is one. */
async function findAttempt(
  context: LogsContext,
  query: GetLogs,
  signal: AbortSignal,
): Promise<AttemptRecord | undefined> {
  let found: AttemptRecord | undefined;
  await whileFollowing(context, query, signal, ({ task, attempts }) => {
    const number = query.attempt === 0 ? attempts.at(-1)?.number : query.attempt;
    found = attempts.find((attempt) => attempt.number === number);
    if (found !== undefined) return "done";
    if (!query.follow || isFinalTask(task.state)) {
      if (query.attempt > 0) throw new NotFoundError("attempt", String(query.attempt));
    } else return "wait";
    return "done";
  });
  return found;
}

/** Lets the logs end by themselves, as they do once they are sealed, and ends those that do not. */
async function endWithAttempt(
  context: LogsContext,
  query: AttemptLogs,
  ended: AbortController,
  signal: AbortSignal,
): Promise<void> {
  try {
    let over: AttemptRecord | undefined;
    await whileFollowing(context, query, signal, ({ attempts }) => {
      over = attempts.find(({ number }) => number === query.attempt);
      return over !== undefined && isLiveAttempt(over.state) ? "wait" : "done";
    });
    const waitMs = Math.max(leftToSealMs(context, over), SEALED_LOOK_MS);
    if (await untilSealed(context, query, waitMs, signal)) return;
  } catch {
    // Whether it has ended is not known now; the reader gets what there is and may ask again.
  }
  ended.abort();
}

/** How long the logs of an attempt may yet take to be sealed; 0 when that is not expected. */
function leftToSealMs({ clock }: LogsContext, attempt: AttemptRecord | undefined): number {
  if (attempt?.finishedAt === undefined || attempt.state === "lost") return 0;
  const leftMs = attempt.finishedAt + SEALED_WITHIN_MS - clock.now();
  return Math.min(Math.max(leftMs, 0), SEALED_WITHIN_MS);
}

/** Whether all streams of an attempt are sealed, now or before the time is over. */
async function untilSealed(
  { logs }: LogsContext,
  query: AttemptLogs,
  waitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (waitMs === 0) return false;
  const until = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  const ends = logStreams.map(async (stream) => {
    // Following the very end of a log costs nothing, and ends when the log is sealed.
    const end = logs.read({ ...query, stream, follow: true, tailBytes: 1 }, until);
    for await (const _ of end) if (until.aborted) return;
  });
  const outcomes = await Promise.allSettled(ends);
  // A failure is for the reader to meet, who comes to the same logs.
  return !until.aborted && outcomes.every(({ status }) => status === "fulfilled");
}

/** Looks at the task, and again at each change of its run, as long as `look` says so. */
async function whileFollowing(
  { database, engine }: LogsContext,
  { runId, taskId }: Pick<GetLogs, "runId" | "taskId">,
  signal: AbortSignal,
  look: (task: TaskWithAttempts) => "wait" | "done",
): Promise<void> {
  const subscription = engine.changes.subscribe(runId);
  try {
    while (!signal.aborted) {
      subscription.take();
      if (look(await loadTask(database, runId, taskId)) === "done") return;
      await subscription.changed({ paceMs: 0, idleMs: LOOK_AGAIN_MS }, signal);
    }
  } finally {
    subscription.close();
  }
}

/** A stream to which nothing was ever written has no log, and nothing to show. */
async function* withoutMissing(
  parts: AsyncIterable<LogPart>,
  ended: AbortController,
): AsyncGenerator<LogPart> {
  try {
    yield* parts;
  } catch (error) {
    if (error instanceof NotFoundError || ended.signal.aborted) return;
    throw error;
  }
}
