import { create } from "@bufbuild/protobuf";
import { eventOf, type OutboxEvent } from "@tidemill/eventing";
import { ArtifactCreatedSchema } from "@tidemill/proto/tidemill/artifacts/v1/events_pb.ts";
import type { Artifact } from "../domain/artifact.ts";
import { artifactToProto } from "./artifact-message.ts";

/** An artifact never changes, so this is its first event and its last. */
const FIRST_VERSION = 1;

export function artifactCreated(
  artifact: Artifact,
  attributes: { readonly id: string; readonly traceparent?: string | undefined },
): OutboxEvent {
  return eventOf(
    ArtifactCreatedSchema,
    {
      id: attributes.id,
      namespace: artifact.namespace,
      entityId: artifact.id,
      entityVersion: FIRST_VERSION,
      time: artifact.createdAt,
      traceparent: attributes.traceparent,
    },
    create(ArtifactCreatedSchema, { artifact: artifactToProto(artifact) }),
  );
}
