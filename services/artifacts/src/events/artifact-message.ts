import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Artifact as ArtifactMessage,
  ArtifactSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { Artifact, ArtifactContent } from "../domain/artifact.ts";

/** The record as it travels, in answers and in events alike. */
export function artifactToProto(artifact: Artifact): ArtifactMessage {
  return create(ArtifactSchema, {
    id: artifact.id,
    namespace: artifact.namespace,
    name: artifact.name,
    schemaTitle: artifact.schemaTitle,
    schemaVersion: artifact.schemaVersion,
    instanceSchema: artifact.instanceSchema,
    uri: artifact.uri,
    metadataJson: artifact.metadata,
    sizeBytes: BigInt(artifact.sizeBytes),
    producer: { ...artifact.producer },
    createdBy: artifact.createdBy,
    createdAt: timestampFromMs(artifact.createdAt),
    ...contentToProto(artifact.content),
  });
}

function contentToProto(
  content: ArtifactContent,
): Pick<MessageInitShape<typeof ArtifactSchema>, "content"> {
  switch (content.kind) {
    case "blob":
      return { content: { case: "blobDigest", value: content.digest } };
    case "tree":
      return { content: { case: "treeDigest", value: content.digest } };
    case "none":
      return {};
  }
}
