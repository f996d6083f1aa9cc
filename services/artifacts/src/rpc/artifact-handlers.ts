import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { requireNamespace } from "@tidemill/config";
import { InvalidError, NotFoundError } from "@tidemill/errors";
import { type Page, type PageTokens, pageOf, pageSizeOf, positionOf } from "@tidemill/postgres";
import {
  ArtifactService,
  type CreateTreeRequest,
  type GetTreeRequest,
  type ListArtifactsRequest,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { bind, callerKey, idempotencyOf, type ServiceBinding } from "@tidemill/rpc";
import type { Artifact } from "../domain/artifact.ts";
import { requireDigest } from "../domain/digest.ts";
import { decodeTree, type TreeFile } from "../domain/tree.ts";
import { artifactToProto } from "../events/artifact-message.ts";
import { type CreateArtifactContext, recordArtifact } from "../operations/create-artifact.ts";
import {
  type CreateTree,
  type CreateTreeContext,
  createTreeOf,
} from "../operations/create-tree.ts";
import { findArtifact, listArtifacts } from "../store/artifacts.ts";
import { findBlob, findBlobSizes } from "../store/blobs.ts";
import { findTree } from "../store/trees.ts";
import { blobToProto, draftFromProto, treeFileFromProto, treeToProto } from "./convert.ts";

export interface ArtifactHandlersContext extends CreateArtifactContext, CreateTreeContext {
  readonly tokens: PageTokens;
}

const TREE_PAGE_BYTES_MAX = 3 * 1024 * 1024;
/** What a file takes in a message beside its path. */
const FILE_BYTES = 96;
const PAGE_SIZES = { usual: 50, max: 200 };

export function artifactHandlers(ctx: ArtifactHandlersContext): ServiceBinding {
  const { method } = ArtifactService;
  const impl: ServiceImpl<typeof ArtifactService> = {
    async createArtifact(request, context) {
      const artifact = await recordArtifact(ctx, {
        request: idempotencyOf(method.createArtifact, request, context),
        traceparent: context.requestHeader.get("traceparent") ?? undefined,
        draft: draftFromProto(request, callerOf(context)),
      });
      return { artifact: artifactToProto(artifact) };
    },
    async getArtifact(request) {
      const namespace = requireNamespace(request.namespace);
      const artifact = await findArtifact(ctx.db, namespace, request.id);
      if (artifact === undefined) throw new NotFoundError("artifact", request.id);
      return { artifact: artifactToProto(artifact) };
    },
    async listArtifacts(request) {
      const page = await artifactPage(ctx, request);
      return { artifacts: page.items.map(artifactToProto), nextPageToken: page.nextPageToken };
    },
    async createTree(request, context) {
      const tree = await createTreeOf(ctx, {
        namespace: requireNamespace(request.namespace),
        caller: callerOf(context),
        request: idempotencyOf(method.createTree, request, context),
        files: filesOrList(request),
      });
      return { tree: treeToProto(tree) };
    },
    async getTree(request) {
      return await treePage(ctx, request);
    },
    async getBlob(request) {
      const namespace = requireNamespace(request.namespace);
      const digest = requireDigest(request.digest);
      const blob = await findBlob(ctx.db, namespace, digest);
      if (blob === undefined) throw new NotFoundError("blob", digest);
      return { blob: blobToProto(blob, await ctx.blobs.chunkDigests(digest, blob.sizeBytes)) };
    },
    async findMissingBlobs(request) {
      const namespace = requireNamespace(request.namespace);
      const digests = [...new Set(request.digests)].map((digest) => requireDigest(digest));
      const found = await findBlobSizes(ctx.db, namespace, digests);
      return { missingDigests: digests.filter((digest) => !found.has(digest)) };
    },
  };
  return bind(ArtifactService, impl);
}

function callerOf(context: HandlerContext): string {
  return context.values.get(callerKey);
}

function filesOrList(request: CreateTreeRequest): CreateTree["files"] {
  if (request.listDigest === "") return request.files.map(treeFileFromProto);
  if (request.files.length === 0) return requireDigest(request.listDigest, "list_digest");
  const rule = "send one of them";
  throw new InvalidError("BAD_TREE", `files and list_digest are both there: ${rule}`, [
    { field: "list_digest", description: rule },
  ]);
}

async function treePage(ctx: ArtifactHandlersContext, request: GetTreeRequest) {
  const namespace = requireNamespace(request.namespace);
  const digest = requireDigest(request.digest);
  const list = { list: "tree", namespace, digest };
  const position = positionOf(ctx.tokens, request.pageToken, list);
  const tree = await findTree(ctx.db, namespace, digest);
  const text = await findBlob(ctx.db, namespace, digest);
  if (tree === undefined || text === undefined) throw new NotFoundError("tree", digest);
  const files = decodeTree(await ctx.blobs.readWhole(digest, text.sizeBytes));
  const start = position === undefined ? 0 : Number(position.start);
  const end = pageEnd(files, start, request.pageSize);
  const nextPageToken = end < files.length ? ctx.tokens.sign({ ...list, start: end }) : "";
  return { tree: treeToProto(tree, files.slice(start, end)), nextPageToken };
}

/** As many files as fit in a message with room to spare, and no more than were asked for. */
function pageEnd(files: readonly TreeFile[], start: number, pageSize: number): number {
  const last = pageSize === 0 ? files.length : Math.min(files.length, start + pageSize);
  let bytes = 0;
  for (let end = start; end < last; end += 1) {
    bytes += Buffer.byteLength(files[end]?.path ?? "") + FILE_BYTES;
    if (bytes > TREE_PAGE_BYTES_MAX && end > start) return end;
  }
  return last;
}

async function artifactPage(
  ctx: ArtifactHandlersContext,
  request: ListArtifactsRequest,
): Promise<Page<Artifact>> {
  const namespace = requireNamespace(request.namespace);
  const { runId } = request;
  const pageSize = pageSizeOf(request.pageSize, PAGE_SIZES);
  const list = { list: "artifacts", namespace, runId };
  const position = positionOf(ctx.tokens, request.pageToken, list);
  const beforeId = position === undefined ? undefined : String(position.id);
  const rows = await listArtifacts(ctx.db, { namespace, runId, beforeId, limit: pageSize + 1 });
  return pageOf(rows, pageSize, ctx.tokens, (last) => ({ ...list, id: last.id }));
}
