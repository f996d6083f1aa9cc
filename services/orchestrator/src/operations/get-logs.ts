import { NotFoundError } from "@tidemill/errors";
import { wait } from "@tidemill/lifecycle";
import { isFinalTask, isLiveAttempt } from "../domain/states.ts";
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

/** Logs are sealed before an attempt is over; one that was never begun is not waited for longer. */
const SEALED_WITHIN_MS = 3_000;

/** A safety net under what this process is told of changes. */
const LOOK_AGAIN_MS = 1_000;

type LogsContext = Pick<OperationContext, "database" | "engine"> & { readonly logs: LogSource };

/**
 * What an attempt printed, its streams mixed as they come. With `follow` until the attempt is over,
 * and from before it has begun. Throws NotFoundError.
 */
export async function* getLogs(
  context: LogsContext,
  query: GetLogs,
  signal: AbortSignal,
): AsyncGenerator<LogPart> {
  const run = await loadRun(context.database, query.namespace, query.runId);
  const number = await attemptNumber(context, query, signal);
  if (number === undefined) return;
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  if (query.follow) void endWithAttempt(context, { ...query, attempt: number }, ended, until);
  const { namespace } = run;
  const streams = logStreams.map((stream) =>
    withoutMissing(
      context.logs.read({ ...query, namespace, attempt: number, stream }, until),
      ended,
    ),
  );
  try {
    yield* mergeStreams(streams);
  } finally {
    ended.abort();
  }
}

/** The attempt that is asked for; when following, once there is one. */
async function attemptNumber(
  context: LogsContext,
  query: GetLogs,
  signal: AbortSignal,
): Promise<number | undefined> {
  let found: number | undefined;
  await whileFollowing(context, query, signal, ({ task, attempts }) => {
    const number = query.attempt === 0 ? attempts.at(-1)?.number : query.attempt;
    const isThere = attempts.some((attempt) => attempt.number === number);
    if (isThere) found = number;
    else if (!query.follow || isFinalTask(task.state)) {
      if (query.attempt > 0) throw new NotFoundError("attempt", String(query.attempt));
    } else return "wait";
    return "done";
  });
  return found;
}

/** Lets the logs end by themselves, and ends those that do not. */
async function endWithAttempt(
  context: LogsContext,
  query: GetLogs,
  ended: AbortController,
  signal: AbortSignal,
): Promise<void> {
  try {
    await whileFollowing(context, query, signal, ({ attempts }) => {
      const attempt = attempts.find(({ number }) => number === query.attempt);
      return attempt !== undefined && isLiveAttempt(attempt.state) ? "wait" : "done";
    });
    await wait(SEALED_WITHIN_MS, signal);
  } catch {
    // Whether it has ended is not known now; the reader gets what there is and may ask again.
  }
  ended.abort();
}

/** Looks at the task, and again at each change of its run, as long as `look` says so. */
async function whileFollowing(
  { database, engine }: LogsContext,
  { runId, taskId }: GetLogs,
  signal: AbortSignal,
  look: (task: TaskWithAttempts) => "wait" | "done",
): Promise<void> {
  const subscription = engine.changes.subscribe(runId);
  try {
    while (!signal.aborted) {
      subscription.take();
      if (look(await loadTask(database, runId, taskId)) === "done") return;
      const enough = new AbortController();
      const either = AbortSignal.any([signal, enough.signal]);
      await Promise.race([subscription.changed(), wait(LOOK_AGAIN_MS, either)]);
      enough.abort();
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
