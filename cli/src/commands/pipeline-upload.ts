import { systemClock, uuidv7Source } from "@tidemill/lifecycle";
import { PipelineVersionSchema } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { keepPipeline } from "../mesh-client/keep-pipeline.ts";
import { readSource, timeoutFor } from "../mesh-client/pipeline-source.ts";
import { jsonOf, printJson } from "../output/json.ts";
import type { UploadOptions } from "./pipeline.ts";

/** `tidemill pipeline upload` */
export async function uploadPipeline(
  context: CommandContext,
  file: string,
  options: UploadOptions,
): Promise<ExitCode> {
  const kept = await withClients(context, async (clients) => {
    const { source, sizeBytes } = await readSource(context, file);
    const toKeep = {
      namespace: context.namespace,
      requestId: uuidv7Source(systemClock).next(),
      name: options.name ?? "",
      version: options.version ?? "",
      description: options.description ?? "",
      source,
    };
    return keepPipeline(await clients.pipelines(), toKeep, timeoutFor(sizeBytes));
  });
  const { version, pipeline, warnings } = kept;
  for (const warning of warnings) context.terminal.note(`warning: ${warning.message}`);
  if (context.json) printJson(context.terminal, jsonOf(PipelineVersionSchema, version));
  else context.terminal.print(`version ${version.name} of ${pipeline}: ${version.id}`);
  return exitCodes.ok;
}
