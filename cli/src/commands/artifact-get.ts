import { resolve } from "node:path";
import { NotFoundError } from "@tidemill/errors";
import {
  type Artifact,
  ArtifactSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { downloadArtifact } from "../mesh-client/download-artifact.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { formatSize, formatTime } from "../output/quantities.ts";
import type { ArtifactGetOptions } from "./artifact.ts";

/** `tidemill artifact get` */
export async function getArtifact(
  context: CommandContext,
  id: string,
  options: ArtifactGetOptions,
): Promise<ExitCode> {
  return withClients(context, async (clients) => {
    const client = await clients.artifacts();
    const { artifact } = await client.getArtifact({ namespace: context.namespace, id });
    if (artifact === undefined) throw new NotFoundError("artifact", id);
    if (options.output !== undefined) {
      const target = resolve(context.cwd, options.output);
      const { artifactsHttp } = await context.address();
      const source = { client, artifactsHttp, namespace: context.namespace };
      await downloadArtifact(source, artifact, target);
      context.terminal.note(`wrote ${options.output}, ${formatSize(artifact.sizeBytes)}`);
    }
    if (context.json) printJson(context.terminal, jsonOf(ArtifactSchema, artifact));
    else if (options.output === undefined) printRecord(context, artifact);
    return exitCodes.ok;
  });
}

function printRecord({ terminal }: CommandContext, artifact: Artifact): void {
  const metadata: unknown = artifact.metadataJson === "" ? {} : JSON.parse(artifact.metadataJson);
  const rows: readonly (readonly [string, string])[] = [
    ["artifact", artifact.id],
    ["name", artifact.name],
    ["type", `${artifact.schemaTitle}@${artifact.schemaVersion}`],
    ["address", artifact.uri],
    ["size", formatSize(artifact.sizeBytes)],
    ["content", `${artifact.content.case ?? "none"} ${artifact.content.value ?? ""}`],
    ["run", artifact.producer?.runId ?? "-"],
    ["created", `${formatTime(artifact.createdAt)} by ${artifact.createdBy}`],
    ["metadata", JSON.stringify(metadata, undefined, 2)],
  ];
  for (const [name, value] of rows) terminal.print(`${name.padEnd(10)}${value}`);
}
