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

export interface DownloadTarget {
  readonly path: string;
  /** Whether a file that is there is written over. */
  readonly force: boolean;
}

export type ArtifactContent = Pick<Artifact, "id" | "content"> &
  Partial<Pick<Artifact, "sizeBytes">>;

/** Writes what an artifact holds: a file, or a directory with every file of a tree. */
export async function downloadArtifact(
  source: ArtifactSource,
  artifact: ArtifactContent,
  target: DownloadTarget,
): Promise<void> {
  switch (artifact.content.case) {
    case "blobDigest":
      return writeBlob(source, artifact.content.value, target, { executable: false });
    case "treeDigest":
      return writeTree(source, artifact.content.value, target);
    default:
      throw new StateError("NO_CONTENT", `artifact "${artifact.id}" has no bytes`);
  }
}

/** Hands the bytes of an artifact that is one file to `write`, piece by piece. */
export async function streamArtifact(
  source: BlobPlace,
  artifact: ArtifactContent,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const { content, id } = artifact;
  if (content.case !== "blobDigest") {
    const what = content.case === "treeDigest" ? "is a directory" : "has no bytes";
    throw usageError(`artifact "${id}" ${what}: standard output takes one file`);
  }
  for await (const chunk of await getBlob(source, content.value)) await write(chunk);
}

async function writeTree(
  source: ArtifactSource,
  digest: string,
  { path: directory, force }: DownloadTarget,
): Promise<void> {
  const { client, namespace } = source;
  // Of a tree without files, too, there is something to show.
  await mkdir(directory, { recursive: true }).catch((cause: unknown) => {
    throw usageError(`cannot write ${directory}: ${messageOf(cause)}`);
  });
  let pageToken = "";
  do {
    const { tree, nextPageToken } = await client.getTree({ namespace, digest, pageToken });
    for (const file of tree?.files ?? []) {
      const path = join(directory, file.path);
      // The service refuses such paths; what is written to this machine is checked here again.
      if (!path.startsWith(`${directory}${sep}`)) {
        throw new IntegrityError("TREE_PATH", `"${file.path}" leads out of ${directory}`);
      }
      await writeBlob(source, file.blobDigest, { path, force }, file);
    }
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

/** Leaves nothing of a file that did not come whole. */
async function writeBlob(
  source: BlobPlace,
  digest: string,
  { path, force }: DownloadTarget,
  { executable }: { readonly executable: boolean },
): Promise<void> {
  const bytes = await getBlob(source, digest);
  let broken: "download" | "disk" | undefined;
  // Whichever breaks first is the cause: a pipeline then breaks the other.
  bytes.once("error", () => (broken ??= "download"));
  try {
    await mkdir(dirname(path), { recursive: true });
    const flags = force ? "w" : "wx";
    const file = createWriteStream(path, { flags, mode: executable ? 0o755 : 0o644 });
    file.once("error", () => (broken ??= "disk"));
    await pipeline(bytes, file);
  } catch (cause) {
    bytes.destroy();
    if (broken === "disk" && isThere(cause)) {
      throw usageError(`${path} is there already: --force writes over it`);
    }
    if (broken !== "download") throw usageError(`cannot write ${path}: ${messageOf(cause)}`);
    await rm(path, { force: true });
    const message = `the download of ${path} broke off: ${messageOf(cause)}`;
    throw new UnavailableError("artifacts", message, { cause });
  }
}

function isThere(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}
