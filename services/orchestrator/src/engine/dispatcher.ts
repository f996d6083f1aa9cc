import { messageOf } from "@tidemill/errors";
import type { Clock, IdSource } from "@tidemill/lifecycle";
import type { Logger } from "@tidemill/telemetry";
import { planResources } from "../domain/plan-resources.ts";
import type { Task } from "../domain/run.ts";
import type { LiveRun } from "./live-run.ts";
import { createRunQueue, type QueuedTask } from "./run-queue.ts";
import type { Runs } from "./runs.ts";
import { startAttemptOf } from "./start-attempt.ts";
import {
  type HeldAttempt,
  heldAttemptOf,
  type Worker,
  type WorkerRegistry,
} from "./worker-registry.ts";

/** A task passed over for so long holds up those behind it, so that large ones get their turn. */
const PASSED_OVER_MAX_MS = 5_000;

/** Runs whose next task does not fit that are looked past before giving up for this time. */
const REFUSALS_MAX = 64;

export interface DispatcherOptions {
  readonly runs: () => Pick<Runs, "execute">;
  readonly workers: WorkerRegistry;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Brings queued tasks to workers. */
export interface Dispatcher {
  /** Tasks that wait for a worker. */
  readonly depth: number;
  add(live: LiveRun, task: Task): void;
  /**
   * Places as many queued tasks as there are free slots for. The decision is made at once and
   * shares a commit with what led to it; StartAttempt is written when that commit is on the disk.
   */
  place(): void;
  /** Writes StartAttempt for an attempt that is committed and was never sent. */
  send(worker: Worker, held: HeldAttempt): void;
  drop(live: LiveRun): void;
  /** What a task asks for; it was found to be a quantity before the task was queued. */
  slotsOf(live: LiveRun, task: Task): number;
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { workers, ids, clock, log } = options;
  const queue = createRunQueue();

  function placeOne(entry: QueuedTask): "placed" | "refused" | "stop" {
    if (!workers.hasFreeSlot) return "stop";
    const worker = workers.choose(entry.slots);
    if (worker !== undefined) {
      dispatch(worker, entry);
      return "placed";
    }
    const waitedMs = clock.monotonic() - entry.queuedAtMs;
    return waitedMs > PASSED_OVER_MAX_MS ? "stop" : "refused";
  }

  function dispatch(worker: Worker, { live, task, slots }: QueuedTask): void {
    const { epoch } = live.lease;
    const attempt = { id: ids.next(), epoch };
    const held = heldAttemptOf(live, task, attempt, {
      slots: Math.min(slots, worker.credits),
      committed: false,
      sent: false,
      dispatchedAtMs: clock.monotonic(),
    });
    workers.hold(worker, held);
    const command = {
      kind: "dispatch",
      taskId: task.id,
      attemptId: attempt.id,
      epoch,
      workerId: worker.id,
    } as const;
    options
      .runs()
      .execute(live, command)
      .then(
        () => {
          held.committed = true;
          send(worker, held);
        },
        // The run is read again; whether the attempt exists is seen then.
        (error: unknown) => log.debug("a dispatch failed", { run_id: live.id, error }),
      );
  }

  function send(worker: Worker, held: HeldAttempt): void {
    const { live, task, slots } = held;
    if (worker.connection === undefined || worker.connection.closed) return;
    if (held.sent || !held.committed) return;
    if (worker.attempts.get(held.attemptId) !== held) return;
    try {
      const start = startAttemptOf(live.run, task, { slots, traceparent: "" });
      held.sent = true;
      worker.named.add(held.attemptId);
      worker.connection.send({ message: { case: "start", value: start } });
    } catch (error) {
      log.error("an attempt cannot be planned", { run_id: live.id, task_id: task.id, error });
      fail(worker, held, error);
    }
  }

  /** The task fails: planning it again would fail again. */
  function fail(worker: Worker, held: HeldAttempt, error: unknown): void {
    const { live, task, attemptId, epoch } = held;
    const failure = {
      kind: "attemptFinished",
      taskId: task.id,
      token: { attemptId, epoch },
      outcome: { exitCode: 0, signal: 0, warnings: [], limits: [], startedAt: undefined },
      result: {
        kind: "failed",
        error: { reason: "NOT_PLANNED", message: messageOf(error) },
      },
    } as const;
    options
      .runs()
      .execute(live, failure)
      .then(
        () => workers.release(worker, attemptId),
        (cause: unknown) => log.debug("a failure was not recorded", { run_id: live.id, cause }),
      );
  }

  return {
    get depth() {
      return queue.depth;
    },
    add(live, task) {
      queue.add({ live, task, slots: slotsOf(live, task), queuedAtMs: clock.monotonic() });
    },
    place() {
      if (queue.depth > 0 && workers.hasFreeSlot) queue.offer(placeOne, REFUSALS_MAX);
    },
    send,
    drop: (live) => queue.drop(live),
    slotsOf,
  };
}

function slotsOf(live: LiveRun, task: Task): number {
  const { body } = task.plan;
  if (body.kind !== "container") return 1;
  return planResources(live.run, task, body.executor.resources, task.inputParameters).slots;
}
