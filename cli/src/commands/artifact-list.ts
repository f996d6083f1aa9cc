import {
  type Artifact,
  ArtifactSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { loadRun } from "../mesh-client/find-run.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { formatSize, formatTime } from "../output/quantities.ts";
import { table } from "../output/table.ts";
import type { ArtifactListOptions } from "./artifact.ts";

const PAGE_SIZE_MAX = 200;

/** `tidemill artifact list` */
export async function listArtifacts(
  context: CommandContext,
  options: ArtifactListOptions,
): Promise<ExitCode> {
  const artifacts = await withClients(context, async (clients) => {
    const { namespace } = context;
    const runId =
      options.run === undefined
        ? ""
        : (await loadRun(await clients.runs(), namespace, options.run)).id;
    const client = await clients.artifacts();
    const found: Artifact[] = [];
    for (let pageToken = ""; found.length < options.limit; ) {
      const pageSize = Math.min(options.limit - found.length, PAGE_SIZE_MAX);
      const page = await client.listArtifacts({ namespace, runId, pageSize, pageToken });
      found.push(...page.artifacts);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    return found;
  });
  if (context.json) {
    printJson(context.terminal, {
      artifacts: artifacts.map((artifact) => jsonOf(ArtifactSchema, artifact)),
    });
    return exitCodes.ok;
  }
  if (artifacts.length === 0) {
    context.terminal.note("no artifacts");
    return exitCodes.ok;
  }
  const rows = artifacts.map((artifact) => [
    artifact.id,
    artifact.schemaTitle,
    formatSize(artifact.sizeBytes),
    formatTime(artifact.createdAt),
    artifact.name,
  ]);
  const [header = "", ...lines] = table(["ARTIFACT", "TYPE", "SIZE", "CREATED", "NAME"], rows);
  context.terminal.print(paintOf(context.terminal.colors).strong(header));
  for (const line of lines) context.terminal.print(line);
  return exitCodes.ok;
}
