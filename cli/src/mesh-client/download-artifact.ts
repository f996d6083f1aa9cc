import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Client } from "@connectrpc/connect";
import { IntegrityError, messageOf, StateError, UnavailableError } from "@tidemill/errors";
import type { Artifact } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { usageError } from "../usage-error.ts";
import { type BlobPlace, getBlob } from "./artifact-bytes.ts";

export interface ArtifactSource extends BlobPlace {
  readonly client: Pick<Client<typeof ArtifactService>, "getTree">;
}

/** Writes what an artifact holds to `target`: a file, or a directory with every file of a tree. */
export async function downloadArtifact(
  source: ArtifactSource,
  artifact: Artifact,
  target: string,
): Promise<void> {
  switch (artifact.content.case) {
    case "blobDigest":
      return writeBlob(source, artifact.content.value, target, false);
    case "treeDigest":
      return writeTree(source, artifact.content.value, target);
    default:
      throw new StateError("NO_CONTENT", `artifact "${artifact.id}" has no bytes`);
  }
}

async function writeTree(source: ArtifactSource, digest: string, target: string): Promise<void> {
  const { client, namespace } = source;
  let pageToken = "";
  do {
    const { tree, nextPageToken } = await client.getTree({ namespace, digest, pageToken });
    for (const file of tree?.files ?? []) {
      const path = join(target, file.path);
      // The service refuses such paths; what is written to this machine is checked here again.
      if (!path.startsWith(`${target}${sep}`)) {
        throw new IntegrityError("TREE_PATH", `"${file.path}" leads out of ${target}`);
      }
      await writeBlob(source, file.blobDigest, path, file.executable);
    }
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

/** Leaves nothing of a file that did not come whole. */
async function writeBlob(
  source: BlobPlace,
  digest: string,
  path: string,
  executable: boolean,
): Promise<void> {
  const bytes = await getBlob(source, digest);
  let broken: "download" | "disk" | undefined;
  // Whichever breaks first is the cause: a pipeline then breaks the other.
  bytes.once("error", () => (broken ??= "download"));
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = createWriteStream(path, { mode: executable ? 0o755 : 0o644 });
    file.once("error", () => (broken ??= "disk"));
    await pipeline(bytes, file);
  } catch (cause) {
    bytes.destroy();
    if (broken !== "download") throw usageError(`cannot write ${path}: ${messageOf(cause)}`);
    await rm(path, { force: true });
    const message = `the download of ${path} broke off: ${messageOf(cause)}`;
    throw new UnavailableError("artifacts", message, { cause });
  }
}
