import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { requireNamespace } from "@tidemill/config";
import { pageOf, pageSizeOf, positionOf } from "@tidemill/postgres";
import {
  type CreateRunRequest,
  type ListRunsRequest,
  type ListTasksRequest,
  LogStream,
  RunService,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { bind, type ServiceBinding } from "@tidemill/rpc";
import { type CreateRun, type CreateRunContext, createRun } from "../operations/create-run.ts";
import { getLogs, type LogPart, type LogSource } from "../operations/get-logs.ts";
import { terminateRun } from "../operations/terminate-run.ts";
import { watchRun } from "../operations/watch-run.ts";
import { LAST_UUID, listRuns, listTasks, loadRun } from "../store/run-queries.ts";
import { runStateFromProto } from "../store/state-codec.ts";
import { runToProto, sourceFromProto, taskToProto } from "./convert.ts";
import { callerOf } from "./pipeline-handlers.ts";

export type RunHandlersContext = CreateRunContext & { readonly logs: LogSource };

const RUN_PAGE_SIZES = { usual: 20, max: 200 };
const TASK_PAGE_SIZES = { usual: 200, max: 1_000 };

export function runHandlers(ctx: RunHandlersContext): ServiceBinding {
  const { database } = ctx;
  const impl: ServiceImpl<typeof RunService> = {
    async createRun(request, context) {
      const caller = callerOf(RunService.method.createRun, request, context);
      return { run: runToProto(await createRun(ctx, createFromProto(request), caller)) };
    },
    async getRun({ namespace, id }) {
      return { run: runToProto(await loadRun(database, requireNamespace(namespace), id)) };
    },
    listRuns: (request) => runPage(ctx, request),
    listTasks: (request) => taskPage(ctx, request),
    async *watchRun(request, context) {
      const { runId, resumeToken } = request;
      const watch = { namespace: requireNamespace(request.namespace), runId, resumeToken };
      for await (const change of watchRun(ctx, watch, context.signal)) {
        yield {
          ...(change.run === undefined ? {} : { run: runToProto(change.run) }),
          tasks: change.tasks.map(taskToProto),
          resumeToken: change.resumeToken,
          caughtUp: change.caughtUp,
        };
      }
    },
    async *getLogs(request, context) {
      const { runId, taskId, attempt, follow } = request;
      const query = {
        namespace: requireNamespace(request.namespace),
        runId,
        taskId,
        attempt,
        follow,
        tailBytes: Number(request.tailBytes),
      };
      for await (const part of getLogs(ctx, query, context.signal)) yield partToProto(part);
    },
    async terminateRun(request, context) {
      const caller = callerOf(RunService.method.terminateRun, request, context);
      const command = { namespace: requireNamespace(request.namespace), id: request.id };
      return { run: runToProto(await terminateRun(ctx, command, caller)) };
    },
  };
  return bind(RunService, impl);
}

function createFromProto(request: CreateRunRequest): CreateRun {
  const { pipeline } = request;
  const namespace = requireNamespace(request.namespace);
  return {
    namespace,
    name: request.name,
    from:
      pipeline.case === "pipelineVersionId"
        ? { kind: "version", pipelineVersionId: pipeline.value }
        : { kind: "source", source: sourceFromProto(pipeline.value, namespace) },
    parameters: request.parametersJson,
    pipelineRoot: request.pipelineRoot,
  };
}

async function runPage(ctx: RunHandlersContext, request: ListRunsRequest) {
  const namespace = requireNamespace(request.namespace);
  const states = request.states.flatMap((state) => runStateFromProto(state) ?? []);
  const list = { list: "runs", namespace, states: states.toSorted().join() };
  const position = positionOf(ctx.tokens, request.pageToken, list);
  const pageSize = pageSizeOf(request.pageSize, RUN_PAGE_SIZES);
  const rows = await listRuns(ctx.database, {
    namespace,
    beforeId: String(position?.before ?? LAST_UUID),
    states,
    limit: pageSize + 1,
  });
  const page = pageOf(rows, pageSize, ctx.tokens, ({ id }) => ({ ...list, before: id }));
  return { runs: page.items.map(runToProto), nextPageToken: page.nextPageToken };
}

async function taskPage(ctx: RunHandlersContext, request: ListTasksRequest) {
  const run = await loadRun(ctx.database, requireNamespace(request.namespace), request.runId);
  const list = { list: "tasks", runId: run.id };
  const position = positionOf(ctx.tokens, request.pageToken, list);
  const { tasks, more } = await listTasks(ctx.database, {
    runId: run.id,
    afterOrdinal: Number(position?.after ?? -1),
    changedAfterSeq: 0,
    limit: pageSizeOf(request.pageSize, TASK_PAGE_SIZES),
  });
  const last = tasks.at(-1)?.task.ordinal;
  return {
    tasks: tasks.map(taskToProto),
    nextPageToken: more && last !== undefined ? ctx.tokens.sign({ ...list, after: last }) : "",
  };
}

const logStreams = {
  stdout: LogStream.STDOUT,
  stderr: LogStream.STDERR,
  system: LogStream.SYSTEM,
};

function partToProto({ stream, offset, data, timeMs }: LogPart) {
  return {
    stream: logStreams[stream],
    offset: BigInt(offset),
    data: new Uint8Array(data),
    ...(timeMs === undefined ? {} : { time: timestampFromMs(timeMs) }),
  };
}
