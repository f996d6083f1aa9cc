import type { Client } from "@connectrpc/connect";
import type { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { findTask, listAllTasks, loadRun } from "../mesh-client/find-run.ts";
import { followOutput } from "../mesh-client/follow-output.ts";
import { followRun } from "../mesh-client/follow-run.ts";
import { hasOutput, type OutputLine, outputLines } from "../mesh-client/task-output.ts";
import { printJsonLine } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import type { LogsOptions } from "./run.ts";

const TASKS_FOLLOWED_MAX = 1000;

/** `tidemill run logs` */
export async function printLogs(
  context: CommandContext,
  id: string,
  taskName: string | undefined,
  options: LogsOptions,
): Promise<ExitCode> {
  return withClients(context, async (clients) => {
    const runs = await clients.runs();
    const run = await loadRun(runs, context.namespace, id);
    if (taskName === undefined && options.follow === true) {
      return followAll(context, runs, run.id, options);
    }
    const tasks = await listAllTasks(runs, context.namespace, run.id);
    const chosen = taskName === undefined ? tasks.filter(hasOutput) : [findTask(tasks, taskName)];
    const print = linePrinter(context, taskName === undefined);
    for (const task of chosen) {
      const lines = outputLines(runs, {
        namespace: context.namespace,
        task,
        attempt: options.attempt,
        follow: options.follow === true,
        tailBytes: options.tail,
        signal: context.signal,
      });
      for await (const line of lines) print(line);
    }
    return exitCodes.ok;
  });
}

async function followAll(
  context: CommandContext,
  runs: Client<typeof RunService>,
  runId: string,
  options: LogsOptions,
): Promise<ExitCode> {
  const output = followOutput(runs, {
    namespace: context.namespace,
    tailBytes: options.tail,
    signal: context.signal,
    tasksMax: TASKS_FOLLOWED_MAX,
    onLine: linePrinter(context, true),
  });
  const ended = await followRun(runs, {
    namespace: context.namespace,
    runId,
    signal: context.signal,
    onChange: (change) => output.see(change.tasks),
  });
  await output.settle();
  return ended === undefined ? exitCodes.interrupted : exitCodes.ok;
}

/** Lines of several tasks carry the task's path; what a task wrote to stderr goes to stderr. */
function linePrinter(context: CommandContext, withPath: boolean): (line: OutputLine) => void {
  const { terminal } = context;
  const paint = paintOf(terminal.colors);
  return ({ task, stream, text }) => {
    if (context.json) {
      printJsonLine(terminal, { task: task.path, taskId: task.id, stream, text });
      return;
    }
    const line = withPath ? `${paint.faint(`[${task.path}]`)} ${text}` : text;
    if (stream === "stdout") terminal.print(line);
    else terminal.note(stream === "system" ? paint.faint(line) : line);
  };
}
