import { createHash, timingSafeEqual } from "node:crypto";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { InvalidError, UnauthenticatedError } from "@tidemill/errors";
import {
  type WorkerHello,
  WorkerService,
  type WorkRequest,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { bind, type ServiceBinding } from "@tidemill/rpc";
import type { Engine } from "../engine/engine.ts";
import type { WorkConnection } from "../engine/work-connection.ts";

export interface WorkerHandlersContext {
  readonly engine: Pick<Engine, "hub">;
  /** What a worker must send as a bearer token. */
  readonly workerToken: string;
}

export function workerHandlers(ctx: WorkerHandlersContext): ServiceBinding {
  const { hub } = ctx.engine;

  async function* work(requests: AsyncIterable<WorkRequest>, context: HandlerContext) {
    requireToken(context, ctx.workerToken);
    const incoming = requests[Symbol.asyncIterator]();
    const hello = await helloOf(incoming);
    const connection = await hub.connect(hello);
    context.signal.addEventListener("abort", () => connection.close());
    void receiveAll(incoming, hello, connection);
    try {
      yield* connection;
    } finally {
      hub.disconnect(hello, connection);
    }
  }

  /** The end of what a worker says is the end of its stream. */
  async function receiveAll(
    incoming: AsyncIterator<WorkRequest>,
    hello: WorkerHello,
    connection: WorkConnection,
  ): Promise<void> {
    try {
      for (;;) {
        const next = await incoming.next();
        if (next.done === true) break;
        hub.receive(hello, connection, next.value);
      }
      connection.close();
    } catch (error) {
      connection.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  const impl: ServiceImpl<typeof WorkerService> = { work };
  return bind(WorkerService, impl);
}

async function helloOf(incoming: AsyncIterator<WorkRequest>): Promise<WorkerHello> {
  const first = await incoming.next();
  if (first.done !== true && first.value.message.case === "hello") return first.value.message.value;
  const rule = "the first message of a worker's stream is its hello";
  throw new InvalidError("HELLO_EXPECTED", rule, [{ field: "message", description: rule }]);
}

/** Compared by digests of equal length, so that the time it takes tells nothing. */
function requireToken({ requestHeader }: HandlerContext, token: string): void {
  const sent = /^bearer (.+)$/i.exec(requestHeader.get("authorization") ?? "")?.[1] ?? "";
  if (sent !== "" && timingSafeEqual(sha256(sent), sha256(token))) return;
  throw new UnauthenticatedError(
    "WORKER_TOKEN",
    "a worker needs the worker token of this mesh: set TIDEMILL_WORKER_TOKEN_FILE",
  );
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
