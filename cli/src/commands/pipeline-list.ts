import {
  type Pipeline,
  PipelineSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { formatTime } from "../output/quantities.ts";
import { table } from "../output/table.ts";
import type { PipelineListOptions } from "./pipeline.ts";

const PAGE_SIZE_MAX = 200;

/** `tidemill pipeline list` */
export async function listPipelines(
  context: CommandContext,
  options: PipelineListOptions,
): Promise<ExitCode> {
  const pipelines = await withClients(context, async (clients) => {
    const client = await clients.pipelines();
    const found: Pipeline[] = [];
    for (let pageToken = ""; found.length < options.limit; ) {
      const pageSize = Math.min(options.limit - found.length, PAGE_SIZE_MAX);
      const { namespace } = context;
      const page = await client.listPipelines({ namespace, pageSize, pageToken });
      found.push(...page.pipelines);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    return found;
  });
  if (context.json) {
    printJson(context.terminal, {
      pipelines: pipelines.map((pipeline) => jsonOf(PipelineSchema, pipeline)),
    });
    return exitCodes.ok;
  }
  if (pipelines.length === 0) {
    context.terminal.note(
      "no pipelines: keep one with `npx tidemill pipeline upload pipeline.yaml`",
    );
    return exitCodes.ok;
  }
  const rows = pipelines.map((pipeline) => [
    pipeline.id,
    formatTime(pipeline.createdAt),
    pipeline.name,
    pipeline.description,
  ]);
  const [header = "", ...lines] = table(["PIPELINE", "CREATED", "NAME", "DESCRIPTION"], rows);
  context.terminal.print(paintOf(context.terminal.colors).strong(header));
  for (const line of lines) context.terminal.print(line);
  return exitCodes.ok;
}
