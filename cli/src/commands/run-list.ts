import type { RunState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { type Run, RunSchema } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { formatDuration, formatTime, spanMs } from "../output/quantities.ts";
import { paintState, runStateName, runStatesByName } from "../output/states.ts";
import { table } from "../output/table.ts";
import { usageError } from "../usage-error.ts";
import type { ListOptions } from "./run.ts";

const PAGE_SIZE_MAX = 200;

/** `tidemill run list` */
export async function listRuns(context: CommandContext, options: ListOptions): Promise<ExitCode> {
  const states = (options.state ?? []).map(requireState);
  const runs = await withClients(context, async (clients) => {
    const client = await clients.runs();
    const found: Run[] = [];
    for (let pageToken = ""; found.length < options.limit; ) {
      const pageSize = Math.min(options.limit - found.length, PAGE_SIZE_MAX);
      const page = await client.listRuns({
        namespace: context.namespace,
        pageSize,
        pageToken,
        states,
      });
      found.push(...page.runs);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    return found;
  });
  if (context.json) {
    printJson(context.terminal, { runs: runs.map((run) => jsonOf(RunSchema, run)) });
    return exitCodes.ok;
  }
  printTable(context, runs);
  return exitCodes.ok;
}

function printTable(context: CommandContext, runs: readonly Run[]): void {
  if (runs.length === 0) {
    context.terminal.note("no runs: start one with `npx tidemill run submit pipeline.yaml`");
    return;
  }
  const paint = paintOf(context.terminal.colors);
  const rows = runs.map((run) => [
    run.id,
    runStateName(run.state),
    formatTime(run.createdAt),
    formatDuration(spanMs(run.startedAt, run.finishedAt, context.now()) ?? 0),
    run.name,
  ]);
  const [header = "", ...lines] = table(["RUN", "STATE", "CREATED", "TOOK", "NAME"], rows);
  context.terminal.print(paint.strong(header));
  for (const [index, line] of lines.entries()) {
    const state = rows[index]?.[1] ?? "";
    context.terminal.print(line.replace(state, paintState(paint, state, state)));
  }
}

function requireState(name: string): RunState {
  const state = runStatesByName.get(name.toLowerCase());
  if (state === undefined) {
    const known = [...runStatesByName.keys()].join(", ");
    throw usageError(`--state ${JSON.stringify(name)}: use one of ${known}`);
  }
  return state;
}
