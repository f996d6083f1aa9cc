import type { Client } from "@connectrpc/connect";
import { wait } from "@tidemill/lifecycle";
import {
  type Run,
  RunState,
  type Task,
  type TaskError,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { loadRun } from "../mesh-client/find-run.ts";
import { followOutput, type OutputFollower } from "../mesh-client/follow-output.ts";
import { followRun } from "../mesh-client/follow-run.ts";
import { plainText } from "../output/plain-text.ts";
import { createRunDisplay } from "../output/run-display.ts";
import { isFinalTask, isOwnFailure, runStateName } from "../output/states.ts";

const TASKS_FOLLOWED_MAX = 16;
const TAIL_BYTES = 4096;
/** How long the last lines of a run that has ended are waited for. */
const SETTLE_MS_MAX = 2000;

/** `tidemill run watch` */
export async function watchRun(context: CommandContext, id: string): Promise<ExitCode> {
  return withClients(context, async (clients) => {
    const runs = await clients.runs();
    const run = await loadRun(runs, context.namespace, id);
    const ended = await showRun(context, runs, run.id);
    return outcomeOf(context, ended);
  });
}

/** Shows a run to its end; undefined when Ctrl-C came first. */
export async function showRun(
  context: CommandContext,
  runs: Client<typeof RunService>,
  runId: string,
): Promise<Run | undefined> {
  const display = createRunDisplay(context);
  const settled = new AbortController();
  const output = followOutput(runs, {
    namespace: context.namespace,
    tailBytes: TAIL_BYTES,
    signal: AbortSignal.any([context.signal, settled.signal]),
    tasksMax: TASKS_FOLLOWED_MAX,
    onLine: display.printed,
  });
  try {
    return await followRun(runs, {
      namespace: context.namespace,
      runId,
      signal: context.signal,
      async onChange(change) {
        if (!context.json) {
          output.see(change.tasks);
          await allSaid(output, change.tasks, context.signal);
        }
        display.changed(change);
      },
    });
  } finally {
    const late = setTimeout(() => settled.abort(), SETTLE_MS_MAX);
    await output.settle();
    clearTimeout(late);
    await display.finish();
  }
}

/** A task is shown as ended once what it printed has come, which may be a moment later. */
async function allSaid(
  output: OutputFollower,
  tasks: readonly Task[],
  signal: AbortSignal,
): Promise<void> {
  const ended = tasks.filter((task) => isFinalTask(task.state));
  if (ended.length === 0) return;
  const all = Promise.all(ended.map((task) => output.settle(task.id)));
  await Promise.race([all, wait(LAST_WORDS_MS_MAX, signal)]);
}

const LAST_WORDS_MS_MAX = 500;

export interface OutcomeOptions {
  /** What came of the run is printed next. */
  readonly resultFollows?: boolean;
  /** What becomes of the run after a Ctrl-C. */
  readonly interruption?: string | undefined;
}

/** The exit code of a run that was watched, and a line about it for a person. */
export function outcomeOf(
  context: CommandContext,
  run: Run | undefined,
  options: OutcomeOptions = {},
): ExitCode {
  const { terminal } = context;
  if (run === undefined) {
    terminal.note(options.interruption ?? "not watching any more; the run goes on");
    return exitCodes.interrupted;
  }
  if (!context.json && !terminal.interactive) {
    terminal.print(`run ${run.id} ${runStateName(run.state)}`);
  }
  if (run.state === RunState.SUCCEEDED) return exitCodes.ok;
  if (!context.json) {
    const { error } = run;
    if (error !== undefined && !isTold(error, terminal.interactive, options)) {
      terminal.note(plainText(error.message));
    }
    terminal.note(`what its tasks printed: npx tidemill run logs ${run.id}`);
  }
  return exitCodes.failed;
}

/** Whether a person has read the failure already, or reads it next. Lines tell that of a task. */
function isTold(error: TaskError, interactive: boolean, { resultFollows }: OutcomeOptions) {
  return interactive ? resultFollows === true : !isOwnFailure(error);
}
