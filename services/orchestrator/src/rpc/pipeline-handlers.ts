import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { requireNamespace } from "@tidemill/config";
import { pageOf, pageSizeOf, positionOf } from "@tidemill/postgres";
import {
  type ListPipelinesRequest,
  type ListPipelineVersionsRequest,
  PipelineService,
} from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import { bind, callerKey, idempotencyOf, type ServiceBinding } from "@tidemill/rpc";
import { SPEC_UPLOAD_BYTES_MAX } from "../domain/limits.ts";
import type { Plan } from "../domain/plan.ts";
import { countTasks } from "../operations/count-tasks.ts";
import { foreseeWarnings } from "../operations/foresee-warnings.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { planOf, readKeptSpec, readSource } from "../operations/read-source.ts";
import { uploadPipeline } from "../operations/upload-pipeline.ts";
import { uploadPipelineVersion } from "../operations/upload-pipeline-version.ts";
import {
  listPipelines,
  listPipelineVersions,
  loadPipeline,
  loadPipelineVersion,
  type PipelineKey,
} from "../store/pipeline-store.ts";
import { LAST_UUID } from "../store/run-queries.ts";
import {
  pipelineParameterToProto,
  pipelineToProto,
  pipelineVersionToProto,
  sourceFromProto,
} from "./convert.ts";

const PAGE_SIZES = { usual: 20, max: 200 };

export function pipelineHandlers(ctx: OperationContext): ServiceBinding {
  const { database } = ctx;
  const impl: ServiceImpl<typeof PipelineService> = {
    async uploadPipeline(request, context) {
      const caller = callerOf(PipelineService.method.uploadPipeline, request, context);
      const { name, description, versionName } = request;
      const namespace = requireNamespace(request.namespace);
      const uploaded = await uploadPipeline(
        ctx,
        {
          namespace,
          name,
          description,
          versionName,
          source: sourceFromProto(request.source, namespace),
        },
        caller,
      );
      return {
        pipeline: pipelineToProto(uploaded.pipeline),
        version: pipelineVersionToProto(uploaded.version),
        warnings: [...uploaded.warnings],
      };
    },
    async uploadPipelineVersion(request, context) {
      const caller = callerOf(PipelineService.method.uploadPipelineVersion, request, context);
      const { pipelineId, name, description } = request;
      const namespace = requireNamespace(request.namespace);
      const uploaded = await uploadPipelineVersion(
        ctx,
        {
          namespace,
          pipelineId,
          name,
          description,
          source: sourceFromProto(request.source, namespace),
        },
        caller,
      );
      return {
        version: pipelineVersionToProto(uploaded.version),
        warnings: [...uploaded.warnings],
      };
    },
    async getPipeline({ namespace, key }) {
      const wanted: PipelineKey =
        key.case === "name"
          ? { kind: "name", name: key.value }
          : { kind: "id", id: key.value ?? "" };
      const pipeline = await loadPipeline(database, requireNamespace(namespace), wanted);
      return { pipeline: pipelineToProto(pipeline) };
    },
    listPipelines: (request) => pipelinePage(ctx, request),
    async getPipelineVersion({ namespace, id, includeSpec }) {
      const version = await loadPipelineVersion(database, requireNamespace(namespace), id);
      const plan = await ctx.plans.planOf(version.specDigest);
      const isSent = includeSpec && version.specSizeBytes <= SPEC_UPLOAD_BYTES_MAX;
      return {
        version: pipelineVersionToProto(version),
        spec: isSent
          ? new Uint8Array(await readKeptSpec(ctx, version.specDigest))
          : new Uint8Array(),
        parameters: parametersOf(plan),
      };
    },
    listPipelineVersions: (request) => versionPage(ctx, request),
    async validatePipeline(request) {
      const namespace = requireNamespace(request.namespace);
      const source = await readSource(ctx, sourceFromProto(request.source, namespace));
      const plan = planOf(ctx, source);
      return {
        pipelineName: source.pipelineName,
        parameters: parametersOf(plan),
        tasks: countTasks(plan),
        warnings: [...source.warnings, ...foreseeWarnings(source.spec)],
      };
    },
  };
  return bind(PipelineService, impl);
}

type MutatingMethod = Parameters<typeof idempotencyOf>[0];

export function callerOf(
  method: MutatingMethod,
  request: Parameters<typeof idempotencyOf>[1],
  context: HandlerContext,
) {
  return {
    createdBy: context.values.get(callerKey),
    key: idempotencyOf(method, request, context),
  };
}

function parametersOf(plan: Plan) {
  const { parameters } = plan.root.component.inputs;
  return [...parameters].map(([name, input]) => pipelineParameterToProto(name, input));
}

async function pipelinePage(ctx: OperationContext, request: ListPipelinesRequest) {
  const namespace = requireNamespace(request.namespace);
  const list = { list: "pipelines", namespace };
  const position = positionOf(ctx.tokens, request.pageToken, list);
  const pageSize = pageSizeOf(request.pageSize, PAGE_SIZES);
  const rows = await listPipelines(ctx.database, namespace, {
    beforeId: String(position?.before ?? LAST_UUID),
    limit: pageSize + 1,
  });
  const page = pageOf(rows, pageSize, ctx.tokens, ({ id }) => ({ ...list, before: id }));
  return { pipelines: page.items.map(pipelineToProto), nextPageToken: page.nextPageToken };
}

async function versionPage(ctx: OperationContext, request: ListPipelineVersionsRequest) {
  const namespace = requireNamespace(request.namespace);
  const { id } = await loadPipeline(ctx.database, namespace, {
    kind: "id",
    id: request.pipelineId,
  });
  const list = { list: "pipeline_versions", pipelineId: id };
  const position = positionOf(ctx.tokens, request.pageToken, list);
  const pageSize = pageSizeOf(request.pageSize, PAGE_SIZES);
  const rows = await listPipelineVersions(ctx.database, id, {
    beforeId: String(position?.before ?? LAST_UUID),
    limit: pageSize + 1,
  });
  const page = pageOf(rows, pageSize, ctx.tokens, (last) => ({ ...list, before: last.id }));
  return { versions: page.items.map(pipelineVersionToProto), nextPageToken: page.nextPageToken };
}
