import { RunSchema } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { loadRun } from "../mesh-client/find-run.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { runStateName } from "../output/states.ts";

/** `tidemill run terminate`: answers once that is decided; the tasks may take ten more seconds. */
export async function terminateRun(context: CommandContext, id: string): Promise<ExitCode> {
  const run = await withClients(context, async (clients) => {
    const client = await clients.runs();
    const found = await loadRun(client, context.namespace, id);
    const answer = await client.terminateRun({ namespace: context.namespace, id: found.id });
    return answer.run ?? found;
  });
  if (context.json) printJson(context.terminal, jsonOf(RunSchema, run));
  else context.terminal.print(`run ${run.id} is ${runStateName(run.state)}`);
  return exitCodes.ok;
}
