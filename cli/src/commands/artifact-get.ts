import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Client } from "@connectrpc/connect";
import { IntegrityError, messageOf, NotFoundError, StateError } from "@tidemill/errors";
import {
  type Artifact,
  ArtifactSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type BlobPlace, getBlob } from "../mesh-client/artifact-bytes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { formatSize, formatTime } from "../output/quantities.ts";
import { usageError } from "../usage-error.ts";
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
      await download(context, client, artifact, target);
      context.terminal.note(`wrote ${options.output}, ${formatSize(artifact.sizeBytes)}`);
    }
    if (context.json) printJson(context.terminal, jsonOf(ArtifactSchema, artifact));
    else if (options.output === undefined) printRecord(context, artifact);
    return exitCodes.ok;
  });
}

async function download(
  context: CommandContext,
  client: Client<typeof ArtifactService>,
  artifact: Artifact,
  target: string,
): Promise<void> {
  const { artifactsHttp } = await context.address();
  const place = { artifactsHttp, namespace: context.namespace };
  switch (artifact.content.case) {
    case "blobDigest":
      return writeBlob(place, artifact.content.value, target, false);
    case "treeDigest": {
      const { tree } = await client.getTree({
        namespace: context.namespace,
        digest: artifact.content.value,
      });
      for (const file of tree?.files ?? []) {
        const path = join(target, file.path);
        // The service refuses such paths; what is written to this machine is checked here again.
        if (!path.startsWith(`${target}${sep}`)) {
          throw new IntegrityError("TREE_PATH", `"${file.path}" leads out of ${target}`);
        }
        await writeBlob(place, file.blobDigest, path, file.executable);
      }
      return;
    }
    default:
      throw new StateError("NO_CONTENT", `artifact "${artifact.id}" has no bytes`);
  }
}

async function writeBlob(
  place: BlobPlace,
  digest: string,
  path: string,
  executable: boolean,
): Promise<void> {
  const bytes = await getBlob(place, digest);
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(bytes, createWriteStream(path, { mode: executable ? 0o755 : 0o644 }));
  } catch (cause) {
    throw usageError(`cannot write ${path}: ${messageOf(cause)}`);
  }
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
