import { isRetriable, messageOf, UnavailableError } from "@tidemill/errors";
import { backoff, type Clock, wait } from "@tidemill/lifecycle";
import type {
  AttemptRef,
  WorkerHello,
  WorkRequest,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Logger } from "@tidemill/telemetry";
import { liveAttempt, type Task } from "../domain/run.ts";
import { effectsOf } from "../domain/step.ts";
import { shardOf } from "../store/shard-store.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EngineMetrics } from "./engine-metrics.ts";
import type { LiveRun } from "./live-run.ts";
import type { Runs } from "./runs.ts";
import { createWorkConnection, type WorkConnection } from "./work-connection.ts";
import {
  type HeldAttempt,
  heldAttemptOf,
  type Worker,
  type WorkerRegistry,
} from "./worker-registry.ts";
import {
  finishedCommand,
  refusedReport,
  startedCommand,
  type WorkerReport,
} from "./worker-reports.ts";

/** Workers send a heartbeat this often. */
const HEARTBEAT_INTERVAL_MS = 2_000;

/** A connected worker that was silent for so long is taken for dead, and its attempts for lost. */
export const SILENCE_MAX_MS = 10_000;

/** How long the attempts of a worker that is away wait for it to come back. */
export const WORKER_RETURN_GRACE_MS = 20_000;

/** Time between TERM and KILL of an attempt that is stopped. */
const STOP_GRACE_MS = 10_000;

const REPORT_RETRY_INITIAL_MS = 50;
const REPORT_RETRY_MAX_MS = 2_000;

export interface WorkerHubOptions {
  readonly runs: () => Pick<Runs, "execute" | "report" | "find">;
  readonly workers: WorkerRegistry;
  readonly dispatcher: Dispatcher;
  readonly listRecentlyEnded: () => Promise<
    readonly { readonly namespace: string; readonly id: string }[]
  >;
  /** Waits until the runs of all shards that are being taken over are loaded. */
  readonly settled: () => Promise<void>;
  readonly ownsShard: (shard: number) => boolean;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly returnGraceMs: number;
  readonly silenceMaxMs: number;
}

/** Speaks with workers. */
export interface WorkerHub {
  /** Takes a worker's stream after its Hello; what goes out is read from the connection. */
  connect(hello: WorkerHello): Promise<WorkConnection>;
  /** Takes a message of a connected worker. Throws nothing: what is wrong is logged. */
  receive(hello: WorkerHello, connection: WorkConnection, message: WorkRequest): void;
  disconnect(hello: WorkerHello, connection: WorkConnection): void;
  /** Finds the silent and those that did not come back. */
  sweep(): void;
  stopAttempt(workerId: string, attemptId: string): void;
  ended(live: LiveRun): void;
  loaded(live: LiveRun): void;
  gone(runId: string): void;
}

export function createWorkerHub(options: WorkerHubOptions): WorkerHub {
  const { workers, dispatcher, clock, log, metrics } = options;

  async function connect(hello: WorkerHello): Promise<WorkConnection> {
    await options.settled();
    if (!hello.attempts.every((ref) => options.ownsShard(shardOf(ref.runId)))) {
      throw new UnavailableError(
        "orchestrator",
        "this orchestrator does not own all the runs the worker has attempts of: try another",
      );
    }
    const worker = workers.ensure(hello.workerId, clock.monotonic());
    const connection = createWorkConnection();
    worker.connection?.close(new UnavailableError("worker", "the worker has connected anew"));
    worker.connection = connection;
    worker.instanceId = hello.instanceId;
    worker.credits = hello.credits;
    worker.lastHeardMs = clock.monotonic();
    connection.send({
      message: {
        case: "welcome",
        value: {
          heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
          silenceMaxMs: options.silenceMaxMs,
        },
      },
    });
    compare(worker, connection, hello.attempts);
    log.info("worker connected", {
      worker_id: worker.id,
      instance_id: hello.instanceId,
      credits: hello.credits,
      attempts: hello.attempts.length,
    });
    void tellEnded(connection);
    dispatcher.place();
    return connection;
  }

  /** What the worker names and nobody waits for is stopped; what it does not name is lost. */
  function compare(worker: Worker, connection: WorkConnection, refs: readonly AttemptRef[]): void {
    worker.named.clear();
    for (const ref of refs) {
      worker.named.add(ref.attemptId);
      const held = worker.attempts.get(ref.attemptId);
      if (held !== undefined) {
        held.sent = true;
        if (held.live.run.state === "canceling") stopAttempt(worker.id, held.attemptId);
      } else if (!isStillLive(ref)) {
        connection.send(stopMessage(ref.attemptId, "nobody waits for this attempt any more"));
      }
    }
    for (const held of [...worker.attempts.values()]) {
      if (worker.named.has(held.attemptId)) continue;
      if (held.sent) lose(worker, held, "its worker does not know it");
      else dispatcher.send(worker, held);
    }
  }

  /** Its run may be between two lives, or the attempt dispatched to another worker's name. */
  function isStillLive(ref: AttemptRef): boolean {
    const live = options.runs().find(ref.runId);
    const task = live?.run.tasks.get(ref.taskId);
    return task !== undefined && liveAttempt(task)?.id === ref.attemptId;
  }

  /** Directories of runs that ended while the worker was away are of no use either. */
  async function tellEnded(connection: WorkConnection): Promise<void> {
    try {
      for (const { namespace, id } of await options.listRecentlyEnded()) {
        connection.send({ message: { case: "runEnded", value: { namespace, runId: id } } });
      }
    } catch (error) {
      // It costs the worker some disk until it connects again.
      log.debug("ended runs could not be listed", { error });
    }
  }

  function receive(hello: WorkerHello, connection: WorkConnection, { message }: WorkRequest): void {
    const worker = workers.find(hello.workerId);
    if (worker?.connection !== connection) return;
    worker.lastHeardMs = clock.monotonic();
    switch (message.case) {
      case "credits":
        worker.credits = message.value.credits;
        dispatcher.place();
        return;
      case "started": {
        const command = startedCommand(message.value);
        if (command !== undefined) void report(worker, connection, command);
        return;
      }
      case "finished": {
        const command = finishedCommand(message.value);
        if (command !== undefined) void finish(worker, connection, command);
        return;
      }
      case "phaseChanged":
        log.debug("attempt phase", {
          attempt_id: message.value.attempt?.attemptId,
          phase: message.value.phase,
        });
        return;
      default:
        // Heartbeats say that they arrived; a second Hello on one stream says nothing new.
        return;
    }
  }

  /** The end of an attempt frees its slots at once, so that what follows can be placed with it. */
  async function finish(
    worker: Worker,
    connection: WorkConnection,
    ended: WorkerReport,
  ): Promise<void> {
    const { attemptId } = ended;
    const held = worker.attempts.get(attemptId);
    if (held !== undefined) workers.freeSlots(worker, held);
    if (!(await report(worker, connection, ended))) return;
    if (held !== undefined) metrics.attemptEnded(clock.monotonic() - held.dispatchedAtMs);
    workers.release(worker, attemptId);
    worker.named.delete(attemptId);
    connection.send({ message: { case: "accepted", value: { attemptId } } });
    dispatcher.place();
  }

  /** Repeats until it is committed or the worker is gone, who will then say it again. */
  async function report(
    worker: Worker,
    connection: WorkConnection,
    { runId, command: told }: WorkerReport,
  ): Promise<boolean> {
    let command = told;
    const retry = backoff({ initialMs: REPORT_RETRY_INITIAL_MS, maxMs: REPORT_RETRY_MAX_MS });
    while (!connection.closed) {
      try {
        await options.runs().report(runId, command);
        return true;
      } catch (error) {
        const fields = { run_id: runId, worker_id: worker.id, error: messageOf(error) };
        if (isRetriable(error)) {
          log.warn("a report could not be taken: trying again", fields);
          await wait(retry.nextMs());
          continue;
        }
        log.error("a report cannot be taken", fields);
        const refused = refusedReport(command, messageOf(error));
        if (refused === undefined) return false;
        command = refused;
      }
    }
    return false;
  }

  function lose(worker: Worker, held: HeldAttempt, why: string): void {
    const { live, task, attemptId, epoch } = held;
    // Over already: the report that said so is on its way to the disk.
    if (held.over || live.dead) return;
    workers.freeSlots(worker, held);
    log.warn("attempt lost", { run_id: live.id, task_id: task.id, attempt_id: attemptId, why });
    const message = `worker "${worker.id}" went away: ${why}`;
    options
      .runs()
      .execute(live, {
        kind: "attemptLost",
        taskId: task.id,
        token: { attemptId, epoch },
        error: { reason: "LOST", message },
      })
      .then(
        () => workers.release(worker, attemptId),
        // The run is read again, and its attempts are compared with the worker's then.
        (error: unknown) => {
          workers.takeSlots(worker, held);
          log.debug("a loss was not recorded", { run_id: live.id, error });
        },
      );
  }

  function loseAll(worker: Worker, why: string): void {
    for (const held of [...worker.attempts.values()]) lose(worker, held, why);
    dispatcher.place();
  }

  function disconnect(hello: WorkerHello, connection: WorkConnection): void {
    connection.close();
    const worker = workers.find(hello.workerId);
    if (worker?.connection !== connection) return;
    worker.connection = undefined;
    worker.awaySinceMs = clock.monotonic();
    // It says once more what was not accepted; should it never come back, those are lost.
    for (const held of worker.attempts.values()) workers.takeSlots(worker, held);
    log.info("worker disconnected", { worker_id: worker.id, attempts: worker.attempts.size });
    workers.forgetIfIdle(worker);
  }

  function sweep(): void {
    const nowMs = clock.monotonic();
    for (const worker of [...workers.all]) {
      const { connection } = worker;
      if (connection !== undefined && !connection.closed) {
        if (nowMs - worker.lastHeardMs <= options.silenceMaxMs) continue;
        log.warn("worker is silent", { worker_id: worker.id });
        connection.close(new UnavailableError("worker", "the worker was silent for too long"));
        worker.connection = undefined;
        worker.awaySinceMs = nowMs;
        loseAll(worker, "it was silent for too long");
      } else if (nowMs - worker.awaySinceMs > options.returnGraceMs) {
        loseAll(worker, "it did not come back in time");
        workers.forgetIfIdle(worker);
      }
    }
    dispatcher.place();
  }

  function stopAttempt(workerId: string, attemptId: string): void {
    const connection = workers.find(workerId)?.connection;
    connection?.send(stopMessage(attemptId, "the run was terminated"));
  }

  /** Compares the attempts of a run that was just read with what workers have. */
  function loaded(live: LiveRun): void {
    const fresh = new Set<string>();
    for (const task of live.run.tasks.values()) {
      const attempt = liveAttempt(task);
      if (attempt === undefined) continue;
      fresh.add(attempt.id);
      adopt(live, task, attempt);
    }
    releaseOthers(live.id, fresh);
    for (const effect of effectsOf(live.run)) {
      const task = effect.kind === "dispatchable" ? live.run.tasks.get(effect.taskId) : undefined;
      if (task !== undefined) dispatcher.add(live, task);
      if (effect.kind === "stopAttempt") stopAttempt(effect.workerId, effect.attemptId);
    }
    dispatcher.place();
  }

  function adopt(
    live: LiveRun,
    task: Task,
    attempt: { readonly id: string; readonly epoch: number; readonly workerId: string },
  ): void {
    const worker = workers.ensure(attempt.workerId, clock.monotonic());
    const known = worker.attempts.get(attempt.id);
    if (known !== undefined) {
      known.live = live;
      known.task = task;
      known.committed = true;
      dispatcher.send(worker, known);
      loseIfUnknown(worker, known);
      return;
    }
    const slots = dispatcher.slotsOf(live, task);
    const held = heldAttemptOf(live, task, attempt, {
      slots: worker.credits > 0 ? Math.min(slots, worker.credits) : slots,
      committed: true,
      sent: true,
      dispatchedAtMs: clock.monotonic(),
    });
    workers.hold(worker, held);
    loseIfUnknown(worker, held);
  }

  function loseIfUnknown(worker: Worker, held: HeldAttempt): void {
    if (worker.connection === undefined || worker.connection.closed || !held.sent) return;
    if (!worker.named.has(held.attemptId)) lose(worker, held, "its worker does not know it");
  }

  function releaseOthers(runId: string, keep: ReadonlySet<string>): void {
    for (const worker of workers.all) {
      for (const held of [...worker.attempts.values()]) {
        if (held.live.id !== runId || keep.has(held.attemptId)) continue;
        workers.release(worker, held.attemptId);
      }
    }
  }

  return {
    connect,
    receive,
    disconnect,
    sweep,
    stopAttempt,
    loaded,
    gone: (runId) => releaseOthers(runId, new Set()),
    ended(live) {
      releaseOthers(live.id, new Set());
      const value = { namespace: live.run.namespace, runId: live.id };
      for (const { connection } of workers.all) {
        connection?.send({ message: { case: "runEnded", value } });
      }
    },
  };
}

function stopMessage(attemptId: string, reason: string) {
  const value = { attemptId, reason, graceMs: STOP_GRACE_MS };
  return { message: { case: "stop", value } } as const;
}
