import type { Client } from "@connectrpc/connect";
import type { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import type { StartAttempt } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { outputRequestId } from "./artifact-store.ts";
import type { BlobClient, BlobDigest } from "./blob-client.ts";
import type { RecordedArtifact } from "./collect-outputs.ts";

/** The longest value that is fetched into memory. */
const VALUE_BYTES_MAX = 256 * 1024 * 1024;

/** What the artifact service knows of an attempt's values and artifacts. */
export class Lineage {
  readonly #artifacts: Client<typeof ArtifactService>;
  readonly #blobs: BlobClient;

  constructor(artifacts: Client<typeof ArtifactService>, blobs: BlobClient) {
    this.#artifacts = artifacts;
    this.#blobs = blobs;
  }

  async loadText(namespace: string, digest: string): Promise<string> {
    return (await this.#blobs.getBytes(namespace, digest, VALUE_BYTES_MAX)).toString("utf8");
  }

  storeText(namespace: string, json: string): Promise<BlobDigest> {
    return this.#blobs.putBytes(namespace, Buffer.from(json));
  }

  /** Records an output, whose content is there already. Returns its id. */
  async record(
    { attempt }: StartAttempt,
    recorded: RecordedArtifact,
    output: string,
    index: number,
  ): Promise<string> {
    const { declared, uri, metadataJson, content } = recorded;
    const { name, schemaTitle, schemaVersion, instanceSchema } = declared;
    const { namespace = "", runId = "", taskId = "", attemptId = "" } = attempt ?? {};
    const { artifact } = await this.#artifacts.createArtifact({
      namespace,
      requestId: outputRequestId(attemptId, output, index),
      name,
      schemaTitle,
      schemaVersion,
      instanceSchema,
      uri,
      metadataJson,
      ...(content === undefined ? {} : { content: contentOf(content) }),
      producer: { runId, taskId, attemptId, output },
    });
    return artifact?.id ?? "";
  }
}

function contentOf({ digest, tree }: { readonly digest: string; readonly tree: boolean }) {
  return tree
    ? { case: "treeDigest" as const, value: digest }
    : { case: "blobDigest" as const, value: digest };
}
