import { NotFoundError } from "@tidemill/errors";
import { systemClock, uuidv7Source } from "@tidemill/lifecycle";
import { PipelineVersionSchema } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type Clients, withClients } from "../mesh-client/clients.ts";
import { readSource, timeoutFor } from "../mesh-client/pipeline-source.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { usageError } from "../usage-error.ts";
import type { UploadOptions } from "./pipeline.ts";

/** `tidemill pipeline upload` */
export async function uploadPipeline(
  context: CommandContext,
  file: string,
  options: UploadOptions,
): Promise<ExitCode> {
  return withClients(context, async (clients) => {
    const { version, warnings } = await upload(context, clients, file, options);
    if (version === undefined) throw new NotFoundError("pipeline version", "just uploaded");
    for (const warning of warnings) context.terminal.note(`warning: ${warning.message}`);
    // The name inside the file is not the one it is kept under where --name says otherwise.
    const keptAs = options.name ?? version.pipelineName;
    if (context.json) printJson(context.terminal, jsonOf(PipelineVersionSchema, version));
    else context.terminal.print(`version ${version.name} of ${keptAs}: ${version.id}`);
    return exitCodes.ok;
  });
}

async function upload(
  context: CommandContext,
  clients: Clients,
  file: string,
  options: UploadOptions,
) {
  const { namespace } = context;
  const { source, sizeBytes } = await readSource(context, file);
  const pipelines = await clients.pipelines();
  const requestId = uuidv7Source(systemClock).next();
  const same = { namespace, requestId, source, description: options.description };
  const timeout = timeoutFor(sizeBytes);
  const known =
    options.name === undefined ? undefined : await findPipeline(context, clients, options.name);
  if (known === undefined) {
    const versionName = options.version ?? "";
    const name = options.name ?? "";
    return pipelines.uploadPipeline({ ...same, name, versionName }, timeout);
  }
  if (options.version === undefined) {
    throw usageError(
      `pipeline "${known.name}" is there already: name the new version, --version v2`,
    );
  }
  const version = { pipelineId: known.id, name: options.version };
  return pipelines.uploadPipelineVersion({ ...same, ...version }, timeout);
}

async function findPipeline(context: CommandContext, clients: Clients, name: string) {
  const pipelines = await clients.pipelines();
  try {
    const { pipeline } = await pipelines.getPipeline({
      namespace: context.namespace,
      key: { case: "name", value: name },
    });
    return pipeline;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
