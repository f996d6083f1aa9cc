import type { MessageInitShape } from "@bufbuild/protobuf";
import { UnauthenticatedError } from "@tidemill/errors";
import {
  type AttemptFinished,
  type WorkerHello,
  WorkerService,
  type WorkRequest,
  type WorkResponseSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { bind, createRpcServer, type RpcServer } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";
import { eventually } from "@tidemill/testing";
import { MessageQueue } from "../src/stream/message-queue.ts";

type Response = MessageInitShape<typeof WorkResponseSchema>;

export const WORKER_TOKEN = "worker-token";
const HEARTBEAT_MS = 200;

/** The orchestrator's end of the worker stream, and nothing else of it. */
export class FakeOrchestrator {
  readonly received: WorkRequest["message"][] = [];
  /** Whether finished attempts are acknowledged at once. */
  acceptsReports = true;
  #server: RpcServer | undefined;
  #outgoing: MessageQueue<Response> | undefined;
  #port = 0;

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const self = this;
    const telemetry = createTelemetry({ service: "orchestrator" });
    this.#server = createRpcServer({
      name: "orchestrator",
      log: silentLogger,
      telemetry,
      host: "127.0.0.1",
      httpPort: 0,
      grpcPort: this.#port,
      authenticate({ header }) {
        if (header("authorization") === `Bearer ${WORKER_TOKEN}`) return "worker";
        throw new UnauthenticatedError("BAD_TOKEN", "no such token");
      },
      services: [
        bind(WorkerService, {
          async *work(requests) {
            const outgoing = new MessageQueue<Response>();
            self.#outgoing = outgoing;
            void self.#receive(requests, outgoing);
            yield* outgoing;
          },
        }),
      ],
    });
    await this.#server.start();
    this.#port = this.#server.grpcPort;
  }

  /** Goes away as after a kill; `start` brings it back at the same address. */
  async stop(): Promise<void> {
    this.#outgoing?.close();
    await this.#server?.stop();
    this.#server = undefined;
  }

  send(message: Response["message"]): void {
    if (message !== undefined) this.#outgoing?.push({ message });
  }

  hellos(): readonly WorkerHello[] {
    return this.received.flatMap((message) => (message.case === "hello" ? [message.value] : []));
  }

  reports(attemptId: string): readonly AttemptFinished[] {
    return this.received.flatMap((message) =>
      message.case === "finished" && message.value.attempt?.attemptId === attemptId
        ? [message.value]
        : [],
    );
  }

  started(attemptId: string): Promise<boolean> {
    return eventually(() =>
      this.received.some(
        (message) => message.case === "started" && message.value.attempt?.attemptId === attemptId,
      ),
    );
  }

  finished(attemptId: string, timeoutMs = 20_000): Promise<AttemptFinished> {
    return eventually(() => this.reports(attemptId)[0], { timeoutMs, pollMs: 5 });
  }

  async #receive(requests: AsyncIterable<WorkRequest>, outgoing: MessageQueue<Response>) {
    try {
      for await (const { message } of requests) {
        this.received.push(message);
        if (message.case === "hello") {
          const value = { heartbeatIntervalMs: HEARTBEAT_MS, silenceMaxMs: 10 * HEARTBEAT_MS };
          outgoing.push({ message: { case: "welcome", value } });
        }
        if (message.case === "finished" && this.acceptsReports) {
          const value = { attemptId: message.value.attempt?.attemptId ?? "" };
          outgoing.push({ message: { case: "accepted", value } });
        }
      }
    } catch {
      // The worker is gone, which some tests want.
    } finally {
      outgoing.close();
    }
  }
}
