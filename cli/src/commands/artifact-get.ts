import { resolve } from "node:path";
import type { Client } from "@connectrpc/connect";
import { NotFoundError } from "@tidemill/errors";
import {
  type Artifact,
  ArtifactSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import {
  type ArtifactContent,
  downloadArtifact,
  streamArtifact,
} from "../mesh-client/download-artifact.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { formatSize, formatTime } from "../output/quantities.ts";
import { usageError } from "../usage-error.ts";
import type { ArtifactGetOptions } from "./artifact.ts";

/** The digest of a blob, as a value that is too large to be shown is told by. */
const DIGEST = /^[0-9a-f]{64}$/;
const STANDARD_OUTPUT = "-";

/** `tidemill artifact get` */
export async function getArtifact(
  context: CommandContext,
  id: string,
  options: ArtifactGetOptions,
): Promise<ExitCode> {
  const { output } = options;
  if (output === STANDARD_OUTPUT && context.json) {
    throw usageError("--json and --output - both write to standard output: use one of the two");
  }
  return withClients(context, async (clients) => {
    const client = await clients.artifacts();
    if (output !== undefined && DIGEST.test(id)) {
      await save(context, client, { id, content: { case: "blobDigest", value: id } }, options);
      return exitCodes.ok;
    }
    const { artifact } = await client.getArtifact({ namespace: context.namespace, id });
    if (artifact === undefined) throw new NotFoundError("artifact", id);
    if (output !== undefined) await save(context, client, artifact, options);
    if (context.json) printJson(context.terminal, jsonOf(ArtifactSchema, artifact));
    else if (output === undefined) printRecord(context, artifact);
    return exitCodes.ok;
  });
}

async function save(
  context: CommandContext,
  client: Client<typeof ArtifactService>,
  artifact: ArtifactContent,
  { output = "", force = false }: ArtifactGetOptions,
): Promise<void> {
  const { terminal, namespace } = context;
  const { artifactsHttp } = await context.address();
  const source = { client, artifactsHttp, namespace };
  if (output === STANDARD_OUTPUT) {
    await streamArtifact(source, artifact, (bytes) => terminal.write(bytes));
    return;
  }
  await downloadArtifact(source, artifact, { path: resolve(context.cwd, output), force });
  const { sizeBytes } = artifact;
  terminal.note(`wrote ${output}${sizeBytes === undefined ? "" : `, ${formatSize(sizeBytes)}`}`);
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
