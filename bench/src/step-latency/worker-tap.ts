import type {
  WorkRequest,
  WorkResponse,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { bind, createMeshClient, createRpcServer } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";

/** When messages about one attempt passed by, in milliseconds since the epoch. */
export interface AttemptTimes {
  startMs: number;
  finishedMs: number;
  acceptedMs: number;
}

export interface WorkerTap {
  readonly address: string;
  times(): ReadonlyMap<string, AttemptTimes>;
  clear(): void;
  stop(): Promise<void>;
}

/** Passes the worker's stream through and notes what goes by. */
export async function startWorkerTap(orchestrator: string, token: string): Promise<WorkerTap> {
  const times = new Map<string, AttemptTimes>();
  const client = createMeshClient(WorkerService, { address: orchestrator, token });

  function note(attemptId: string | undefined, key: keyof AttemptTimes): void {
    if (attemptId === undefined) return;
    const entry = times.get(attemptId) ?? { startMs: 0, finishedMs: 0, acceptedMs: 0 };
    entry[key] = performance.timeOrigin + performance.now();
    times.set(attemptId, entry);
  }

  async function* toOrchestrator(requests: AsyncIterable<WorkRequest>) {
    for await (const request of requests) {
      const { message } = request;
      if (message.case === "finished") note(message.value.attempt?.attemptId, "finishedMs");
      yield request;
    }
  }

  async function* toWorker(responses: AsyncIterable<WorkResponse>) {
    for await (const response of responses) {
      const { message } = response;
      if (message.case === "start") note(message.value.attempt?.attemptId, "startMs");
      if (message.case === "accepted") note(message.value.attemptId, "acceptedMs");
      yield response;
    }
  }

  const server = createRpcServer({
    name: "tap",
    log: silentLogger,
    telemetry: createTelemetry({ service: "tap" }),
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    services: [
      bind(WorkerService, {
        work: (requests, { signal }) => toWorker(client.work(toOrchestrator(requests), { signal })),
      }),
    ],
  });
  await server.start();
  return {
    address: `127.0.0.1:${server.grpcPort}`,
    times: () => times,
    clear: () => times.clear(),
    async stop() {
      client.close();
      await server.stop();
    },
  };
}
