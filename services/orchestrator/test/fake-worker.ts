import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { wait } from "@tidemill/lifecycle";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import {
  type AttemptFinishedSchema,
  type AttemptRef,
  type StartAttempt,
  type StopAttempt,
  WorkerService,
  type WorkRequest,
  WorkRequestSchema,
  type WorkResponse,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { createMeshClient } from "@tidemill/rpc";

type Finished = Omit<MessageInitShape<typeof AttemptFinishedSchema>, "attempt" | "$typeName">;
type Message = MessageInitShape<typeof WorkRequestSchema>["message"];

export interface FakeWorkerOptions {
  readonly address: () => string;
  readonly token: string;
  readonly workerId?: string;
  readonly instanceId?: string;
  readonly credits?: number;
  /** What becomes of an attempt; undefined leaves it running until the test ends it. */
  readonly run?: (start: StartAttempt) => Finished | undefined | Promise<Finished | undefined>;
  readonly onStop?: (stop: StopAttempt, worker: FakeWorker) => void;
}

/** A worker that speaks the real stream and runs nothing. Comes back when its stream breaks. */
export interface FakeWorker {
  readonly workerId: string;
  /** Every StartAttempt ever received, in order. */
  readonly started: StartAttempt[];
  readonly stopped: StopAttempt[];
  readonly accepted: string[];
  readonly endedRuns: string[];
  /** Attempts that it has and that are not accepted. */
  readonly attempts: Map<string, StartAttempt>;
  readonly failures: unknown[];
  readonly connections: number;
  /** Reports the end of an attempt, now or as soon as it is connected. */
  finish(start: StartAttempt, finished: Finished): void;
  /** Sends any message on the current stream. */
  say(message: NonNullable<Message>): void;
  /** Breaks the stream; it does not come back before `connect`. */
  disconnect(): Promise<void>;
  connect(): void;
  stop(): Promise<void>;
}

export const SUCCEEDED: Finished = {
  state: AttemptState.SUCCEEDED,
  outputParameters: { out: { value: { case: "json", value: '"done"' } } },
};

export function failedWith(message: string): Finished {
  return {
    state: AttemptState.FAILED,
    exitCode: 1,
    error: { reason: "EXIT_CODE", message },
  };
}

const RECONNECT_MS = 20;

export function startFakeWorker(options: FakeWorkerOptions): FakeWorker {
  const workerId = options.workerId ?? "fake-worker";
  const reports = new Map<string, NonNullable<Message>>();
  const state = { connections: 0, stopped: false, paused: false };
  let current: Stream | undefined;
  let wakeUp = Promise.withResolvers<void>();
  const worker: FakeWorker = {
    workerId,
    started: [],
    stopped: [],
    accepted: [],
    endedRuns: [],
    attempts: new Map(),
    failures: [],
    get connections() {
      return state.connections;
    },
    finish(start, finished) {
      if (start.attempt === undefined) return;
      const message = { case: "finished", value: { attempt: start.attempt, ...finished } } as const;
      reports.set(start.attempt.attemptId, message);
      current?.send(message);
    },
    say: (message) => current?.send(message),
    async disconnect() {
      state.paused = true;
      await current?.close();
    },
    connect() {
      state.paused = false;
      wakeUp.resolve();
    },
    async stop() {
      state.stopped = true;
      wakeUp.resolve();
      await current?.close();
      await running;
    },
  };

  function take({ message }: WorkResponse): void {
    switch (message.case) {
      case "start":
        begin(message.value);
        return;
      case "stop":
        worker.stopped.push(message.value);
        options.onStop?.(message.value, worker);
        return;
      case "accepted":
        worker.accepted.push(message.value.attemptId);
        worker.attempts.delete(message.value.attemptId);
        reports.delete(message.value.attemptId);
        return;
      case "runEnded":
        worker.endedRuns.push(message.value.runId);
        return;
      default:
    }
  }

  function begin(start: StartAttempt): void {
    worker.started.push(start);
    worker.attempts.set(start.attempt?.attemptId ?? "", start);
    const ended = options.run === undefined ? SUCCEEDED : options.run(start);
    if (ended instanceof Promise) void ended.then((finished) => finish(start, finished));
    else finish(start, ended);
  }

  function finish(start: StartAttempt, finished: Finished | undefined): void {
    if (finished !== undefined) worker.finish(start, finished);
  }

  function hello(): NonNullable<Message> {
    const attempts: AttemptRef[] = [];
    for (const { attempt } of worker.attempts.values()) if (attempt) attempts.push(attempt);
    const instanceId = options.instanceId ?? "instance";
    const value = { workerId, instanceId, credits: options.credits ?? 4, attempts };
    return { case: "hello", value };
  }

  async function run(): Promise<void> {
    while (!state.stopped) {
      if (state.paused) {
        wakeUp = Promise.withResolvers<void>();
        await wakeUp.promise;
        continue;
      }
      current = openStream({ ...options, first: [hello(), ...reports.values()] });
      state.connections += 1;
      try {
        for await (const response of current.responses) take(response);
      } catch (error) {
        worker.failures.push(error);
      }
      await current.close();
      if (!state.stopped) await wait(RECONNECT_MS);
    }
  }

  const running = run();
  return worker;
}

interface Stream {
  readonly responses: AsyncIterable<WorkResponse>;
  send(message: NonNullable<Message>): void;
  close(): Promise<void>;
}

function openStream(
  options: FakeWorkerOptions & { readonly first: readonly NonNullable<Message>[] },
): Stream {
  const { token } = options;
  const client = createMeshClient(WorkerService, { address: options.address(), token });
  const abort = new AbortController();
  const outgoing = [...options.first];
  let wake: (() => void) | undefined;
  let closed = false;

  async function* requests(): AsyncGenerator<WorkRequest> {
    while (!closed) {
      const message = outgoing.shift();
      if (message !== undefined) yield create(WorkRequestSchema, { message });
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }

  return {
    responses: client.work(requests(), { signal: abort.signal }),
    send(message) {
      outgoing.push(message);
      wake?.();
    },
    close() {
      closed = true;
      wake?.();
      abort.abort();
      client.close();
      return Promise.resolve();
    },
  };
}
