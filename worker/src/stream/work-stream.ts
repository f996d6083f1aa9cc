import { clearInterval, setInterval } from "node:timers";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { backoff, type Service, wait } from "@tidemill/lifecycle";
import type {
  WorkerService,
  WorkRequestSchema,
  WorkResponse,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Logger } from "@tidemill/telemetry";
import type { Attempts } from "../attempts/attempts.ts";
import { MessageQueue } from "./message-queue.ts";

type Request = MessageInitShape<typeof WorkRequestSchema>;

export interface WorkStreamOptions {
  readonly client: Client<typeof WorkerService>;
  readonly workerId: string;
  readonly instanceId: string;
  readonly version: string;
  readonly slots: number;
  readonly log: Logger;
  onConnected(connected: boolean): void;
}

const RECONNECT = { initialMs: 50, maxMs: 2_000 };
const HEARTBEAT_MS_MIN = 100;

/**
 * The connection to the orchestrator. When it breaks, tasks go on and reports wait; a new one
 * starts with what runs and what was not acknowledged.
 */
export class WorkStream implements Service {
  readonly #options: WorkStreamOptions;
  readonly #over = new AbortController();
  #attempts: Attempts | undefined;
  #outgoing: MessageQueue<Request> | undefined;
  #credits: number;
  #running: Promise<void> | undefined;

  constructor(options: WorkStreamOptions) {
    this.#options = options;
    this.#credits = options.slots;
  }

  /** Attempts report through this stream, and it starts them: one of the two must come first. */
  attach(attempts: Attempts): void {
    this.#attempts = attempts;
  }

  start(): Promise<void> {
    this.#running ??= this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#over.abort();
    this.#outgoing?.close();
    await this.#running;
  }

  /**
   * Sends a report. Without a connection it is dropped: the next one begins with all that is open.
   */
  send(report: Request): void {
    this.#outgoing?.push(report);
  }

  /** Takes no more attempts. */
  drain(): void {
    this.#credits = 0;
    this.send({ message: { case: "credits", value: { credits: 0 } } });
  }

  async #run(): Promise<void> {
    const delays = backoff(RECONNECT);
    const { log, onConnected } = this.#options;
    while (!this.#over.signal.aborted) {
      try {
        await this.#connect(() => delays.reset());
      } catch (error) {
        if (!this.#over.signal.aborted) log.warn("the orchestrator is away", { error });
      }
      this.#outgoing = undefined;
      onConnected(false);
      await wait(delays.nextMs(), this.#over.signal);
    }
  }

  async #connect(onWelcome: () => void): Promise<void> {
    const { client } = this.#options;
    const outgoing = new MessageQueue<Request>();
    outgoing.push({ message: { case: "hello", value: this.#hello() } });
    let heartbeat: NodeJS.Timeout | undefined;
    try {
      for await (const response of client.work(outgoing, { signal: this.#over.signal })) {
        const { message } = response;
        if (message.case !== "welcome") {
          this.#obey(response);
          continue;
        }
        onWelcome();
        this.#outgoing = outgoing;
        for (const report of this.#attempts?.openReports() ?? []) outgoing.push(report);
        clearInterval(heartbeat);
        const everyMs = Math.max(HEARTBEAT_MS_MIN, message.value.heartbeatIntervalMs);
        heartbeat = setInterval(() => {
          outgoing.push({ message: { case: "heartbeat", value: {} } });
        }, everyMs);
        this.#options.onConnected(true);
      }
    } finally {
      clearInterval(heartbeat);
      outgoing.close();
    }
  }

  #hello() {
    const { workerId, instanceId, version } = this.#options;
    const attempts = [...(this.#attempts?.refs ?? [])];
    return { workerId, instanceId, version, credits: this.#credits, attempts };
  }

  #obey({ message }: WorkResponse): void {
    const attempts = this.#attempts;
    if (attempts === undefined) return;
    switch (message.case) {
      case "start":
        attempts.start(message.value);
        break;
      case "stop":
        attempts.stop(message.value.attemptId, "canceled", message.value.graceMs);
        break;
      case "accepted":
        attempts.accept(message.value.attemptId);
        break;
      case "runEnded":
        attempts.endRun(message.value.runId);
        break;
      default:
        // A newer orchestrator may say more than this worker knows.
        break;
    }
  }
}
