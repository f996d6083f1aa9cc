import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { requireNamespace } from "@tidemill/config";
import { assertNever, InvalidError } from "@tidemill/errors";
import {
  type Blob as BlobMessage,
  BlobSchema,
  type TreeFile as TreeFileMessage,
  type Tree as TreeMessage,
  TreeSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { CreateArtifactRequest } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import {
  type LogKey as LogKeyMessage,
  type Log as LogMessage,
  LogSchema,
  type ReadLogResponse,
  ReadLogResponseSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import type { ArtifactContent, ArtifactDraft } from "../domain/artifact.ts";
import { requireDigest } from "../domain/digest.ts";
import { isLogStream, type LogKey, type LogRecord } from "../domain/log.ts";
import type { TreeFile, TreeRecord } from "../domain/tree.ts";
import type { LogPart } from "../operations/read-log.ts";
import type { BlobRecord } from "../store/blobs.ts";

export function draftFromProto(request: CreateArtifactRequest, caller: string): ArtifactDraft {
  const { producer } = request;
  return {
    namespace: requireNamespace(request.namespace),
    name: request.name,
    schemaTitle: request.schemaTitle,
    schemaVersion: request.schemaVersion,
    instanceSchema: request.instanceSchema,
    uri: request.uri,
    metadata: request.metadataJson,
    content: contentFromProto(request.content),
    producer: {
      runId: producer?.runId ?? "",
      taskId: producer?.taskId ?? "",
      attemptId: producer?.attemptId ?? "",
      output: producer?.output ?? "",
    },
    createdBy: caller,
  };
}

function contentFromProto(content: CreateArtifactRequest["content"]): ArtifactContent {
  switch (content.case) {
    case "blobDigest":
      return { kind: "blob", digest: requireDigest(content.value, "blob_digest") };
    case "treeDigest":
      return { kind: "tree", digest: requireDigest(content.value, "tree_digest") };
    case undefined:
      return { kind: "none" };
    default:
      return assertNever(content, "artifact content");
  }
}

export function treeFileFromProto(file: TreeFileMessage): TreeFile {
  return {
    path: file.path,
    blobDigest: requireDigest(file.blobDigest, "files.blob_digest"),
    sizeBytes: Number(file.sizeBytes),
    executable: file.executable,
  };
}

export function treeToProto(tree: TreeRecord, files: readonly TreeFile[] = []): TreeMessage {
  return create(TreeSchema, {
    digest: tree.digest,
    sizeBytes: BigInt(tree.sizeBytes),
    fileCount: BigInt(tree.fileCount),
    files: files.map((file) => ({ ...file, sizeBytes: BigInt(file.sizeBytes) })),
  });
}

export function blobToProto(blob: BlobRecord, chunkDigests: readonly string[]): BlobMessage {
  return create(BlobSchema, {
    digest: blob.digest,
    sizeBytes: BigInt(blob.sizeBytes),
    chunkDigests: chunkDigests.map((digest) => Uint8Array.from(Buffer.from(digest, "hex"))),
    createdAt: timestampFromMs(blob.createdAt),
  });
}

/** Throws InvalidError INVALID_REQUEST, also where validation has been passed over. */
export function logKeyFromProto(key: LogKeyMessage | undefined): LogKey {
  if (key === undefined || !isLogStream(key.stream)) {
    throw new InvalidError("INVALID_REQUEST", "key: name a run, task, attempt and stream", [
      { field: "key", description: "it is required" },
    ]);
  }
  return {
    namespace: requireNamespace(key.namespace, "key.namespace"),
    runId: key.runId,
    taskId: key.taskId,
    attempt: key.attempt,
    stream: key.stream,
  };
}

export function logToProto(log: LogRecord, sizeBytes: number): LogMessage {
  const sealed = log.state.kind === "sealed";
  return create(LogSchema, {
    key: { ...log.key },
    sizeBytes: BigInt(sizeBytes),
    sealed,
    blobDigest: log.state.kind === "sealed" ? log.state.digest : "",
  });
}

export function logPartToProto(part: LogPart): ReadLogResponse {
  return create(ReadLogResponseSchema, {
    offset: BigInt(part.offset),
    data: Uint8Array.from(part.data),
    ...(part.time === undefined ? {} : { time: timestampFromMs(part.time) }),
  });
}
