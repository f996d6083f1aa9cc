import { NotFoundError } from "@tidemill/errors";
import {
  type PipelineVersion,
  PipelineVersionSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { formatSize, formatTime } from "../output/quantities.ts";
import { table } from "../output/table.ts";
import type { PipelineListOptions } from "./pipeline.ts";

const PAGE_SIZE_MAX = 200;

/** `tidemill pipeline versions` */
export async function listVersions(
  context: CommandContext,
  name: string,
  options: PipelineListOptions,
): Promise<ExitCode> {
  const { namespace } = context;
  const versions = await withClients(context, async (clients) => {
    const client = await clients.pipelines();
    const { pipeline } = await client.getPipeline({
      namespace,
      key: { case: "name", value: name },
    });
    if (pipeline === undefined) throw new NotFoundError("pipeline", name);
    const found: PipelineVersion[] = [];
    for (let pageToken = ""; found.length < options.limit; ) {
      const pageSize = Math.min(options.limit - found.length, PAGE_SIZE_MAX);
      const pipelineId = pipeline.id;
      const page = await client.listPipelineVersions({
        namespace,
        pipelineId,
        pageSize,
        pageToken,
      });
      found.push(...page.versions);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    return found;
  });
  if (context.json) {
    printJson(context.terminal, {
      versions: versions.map((version) => jsonOf(PipelineVersionSchema, version)),
    });
    return exitCodes.ok;
  }
  const rows = versions.map((version) => [
    version.id,
    version.name,
    formatTime(version.createdAt),
    formatSize(version.specSizeBytes),
    version.description,
  ]);
  const titles = ["ID", "VERSION", "CREATED", "SIZE", "DESCRIPTION"];
  const [header = "", ...lines] = table(titles, rows);
  context.terminal.print(paintOf(context.terminal.colors).strong(header));
  for (const line of lines) context.terminal.print(line);
  return exitCodes.ok;
}
