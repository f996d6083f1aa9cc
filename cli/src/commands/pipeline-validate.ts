import { ValidatePipelineResponseSchema } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { readSource, timeoutFor } from "../mesh-client/pipeline-source.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { table } from "../output/table.ts";

/** `tidemill pipeline validate` */
export async function validatePipeline(context: CommandContext, file: string): Promise<ExitCode> {
  const answer = await withClients(context, async (clients) => {
    const { source, sizeBytes } = await readSource(context, file);
    const pipelines = await clients.pipelines();
    const { namespace } = context;
    return pipelines.validatePipeline({ namespace, source }, timeoutFor(sizeBytes));
  });
  if (context.json) {
    printJson(context.terminal, jsonOf(ValidatePipelineResponseSchema, answer));
    return exitCodes.ok;
  }
  const tasks = answer.tasks === 1 ? "1 task" : `${answer.tasks} tasks`;
  context.terminal.print(`${answer.pipelineName}: can run, ${tasks}`);
  const rows = answer.parameters.map((parameter) => [
    parameter.name,
    parameter.type,
    parameter.defaultJson !== "" ? parameter.defaultJson : parameter.optional ? "-" : "required",
    parameter.description,
  ]);
  if (rows.length > 0) {
    for (const line of table(["PARAMETER", "TYPE", "DEFAULT", ""], rows)) {
      context.terminal.print(line);
    }
  }
  for (const warning of answer.warnings) context.terminal.note(`warning: ${warning.message}`);
  return exitCodes.ok;
}
