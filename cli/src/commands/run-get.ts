import type { Artifact } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import { ArtifactSchema } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import { RunSchema, TaskSchema } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { listAllTasks, loadRun } from "../mesh-client/find-run.ts";
import { listRunArtifacts } from "../mesh-client/run-artifacts.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { printRunResult } from "../output/run-result.ts";
import { renderTree } from "../output/task-tree.ts";

/** `tidemill run get` */
export async function getRun(context: CommandContext, id: string): Promise<ExitCode> {
  const { run, tasks, artifacts } = await withClients(context, async (clients) => {
    const client = await clients.runs();
    const found = await loadRun(client, context.namespace, id);
    return {
      run: found,
      tasks: await listAllTasks(client, context.namespace, found.id),
      artifacts: await listRunArtifacts(await clients.artifacts(), context.namespace, found.id),
    };
  });
  if (context.json) {
    printJson(context.terminal, {
      run: jsonOf(RunSchema, run),
      tasks: tasks.map((task) => jsonOf(TaskSchema, task)),
      artifacts: artifacts.map((artifact: Artifact) => jsonOf(ArtifactSchema, artifact)),
    });
    return exitCodes.ok;
  }
  const view = {
    run,
    tasks: new Map(tasks.map((task) => [task.id, task])),
    wordsOf: () => "",
  };
  const style = {
    paint: paintOf(context.terminal.colors),
    columns: context.terminal.columns(),
    rows: Number.POSITIVE_INFINITY,
    nowMs: context.now(),
  };
  context.terminal.print(`run ${run.id}`);
  for (const line of renderTree(view, style)) context.terminal.print(line);
  printRunResult(context.terminal, { run, tasks, artifacts, withErrors: true });
  return exitCodes.ok;
}
