import type { ServiceImpl } from "@connectrpc/connect";
import { requireNamespace } from "@tidemill/config";
import { type PageTokens, pageOf, pageSizeOf, positionOf } from "@tidemill/postgres";
import {
  type ListLogsRequest,
  LogService,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { bind, callerKey, type ServiceBinding } from "@tidemill/rpc";
import type { LogRecord } from "../domain/log.ts";
import { type AppendLogContext, appendLog } from "../operations/append-log.ts";
import { readLog } from "../operations/read-log.ts";
import { type SealLogContext, sealLog } from "../operations/seal-log.ts";
import { listLogs } from "../store/logs.ts";
import { logKeyFromProto, logPartToProto, logToProto } from "./convert.ts";

export interface LogHandlersContext extends AppendLogContext, SealLogContext {
  readonly tokens: PageTokens;
}

const PAGE_SIZES = { usual: 100, max: 1000 };
const BEGINNING = { taskId: "", attempt: 0, stream: "" };

export function logHandlers(ctx: LogHandlersContext): ServiceBinding {
  const impl: ServiceImpl<typeof LogService> = {
    async appendLog(request) {
      const size = await appendLog(ctx, {
        key: logKeyFromProto(request.key),
        offset: Number(request.offset),
        data: request.data,
      });
      return { sizeBytes: BigInt(size) };
    },
    async *readLog(request, context) {
      const parts = readLog(ctx, {
        key: logKeyFromProto(request.key),
        offset: Number(request.offset),
        follow: request.follow,
        tailBytes: Number(request.tailBytes),
        signal: context.signal,
      });
      for await (const part of parts) yield logPartToProto(part);
    },
    async sealLog(request, context) {
      const record = await sealLog(ctx, {
        key: logKeyFromProto(request.key),
        caller: context.values.get(callerKey),
        sizeBytes: Number(request.sizeBytes),
      });
      return { log: logToProto(record, Number(request.sizeBytes)) };
    },
    async listLogs(request) {
      return await logPage(ctx, request);
    },
  };
  return bind(LogService, impl);
}

async function logPage(ctx: LogHandlersContext, request: ListLogsRequest) {
  const namespace = requireNamespace(request.namespace);
  const { runId, taskId } = request;
  const pageSize = pageSizeOf(request.pageSize, PAGE_SIZES);
  const list = { list: "logs", namespace, runId, taskId };
  const position = positionOf(ctx.tokens, request.pageToken, list);
  const after =
    position === undefined
      ? BEGINNING
      : {
          taskId: String(position.afterTask),
          attempt: Number(position.afterAttempt),
          stream: String(position.afterStream),
        };
  const rows = await listLogs(ctx.db, { namespace, runId, taskId, after, limit: pageSize + 1 });
  const page = pageOf(rows, pageSize, ctx.tokens, ({ key }) => ({
    ...list,
    afterTask: key.taskId,
    afterAttempt: key.attempt,
    afterStream: key.stream,
  }));
  const logs = await Promise.all(
    page.items.map(async (log) => logToProto(log, await sizeOf(ctx, log))),
  );
  return { logs, nextPageToken: page.nextPageToken };
}

/** Of a log that can still grow the file tells the size. */
async function sizeOf(ctx: LogHandlersContext, { key, state }: LogRecord): Promise<number> {
  return state.kind === "sealed" ? state.sizeBytes : await ctx.logs.sizeOf(key);
}
