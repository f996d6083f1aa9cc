import type { Attempt, Task } from "../domain/run.ts";
import type { LiveRun } from "./live-run.ts";
import type { WorkConnection } from "./work-connection.ts";

/** An attempt that a worker has, may have, or is about to get. */
export interface HeldAttempt {
  readonly attemptId: string;
  readonly epoch: number;
  live: LiveRun;
  task: Task;
  /** What it takes of its worker; given back as soon as the worker says that it is over. */
  readonly slots: number;
  /** Its dispatch is on the disk, so that it may be sent. */
  committed: boolean;
  /** StartAttempt was written to a stream, or the worker itself has named it. */
  sent: boolean;
  /** The worker has said that it is over; kept until that is committed. */
  over: boolean;
  readonly dispatchedAtMs: number;
}

/** A worker by its id; outlives its connections as long as it may have attempts. */
export interface Worker {
  readonly id: string;
  instanceId: string;
  connection: WorkConnection | undefined;
  /** Attempts that its Hello named, or that were sent since. */
  readonly named: Set<string>;
  credits: number;
  used: number;
  lastHeardMs: number;
  /** When its stream ended, or when its attempts were found without it. */
  awaySinceMs: number;
  readonly attempts: Map<string, HeldAttempt>;
}

export interface WorkerRegistry {
  readonly all: Iterable<Worker>;
  find(workerId: string): Worker | undefined;
  /** The worker of that id; a new one is away since now. */
  ensure(workerId: string, nowMs: number): Worker;
  /** Forgets a worker that is away and has nothing. */
  forgetIfIdle(worker: Worker): void;
  /** The connected worker with the most free slots, if that has enough of them. */
  choose(slots: number): Worker | undefined;
  /** Whether any connected worker has a free slot. */
  readonly hasFreeSlot: boolean;
  /** Of all connected workers. */
  readonly slots: { readonly used: number; readonly total: number };
  hold(worker: Worker, attempt: HeldAttempt): void;
  /** Gives the slots back and keeps the attempt. */
  freeSlots(worker: Worker, attempt: HeldAttempt): void;
  /** Takes the slots again: that it is over was not recorded. */
  takeSlots(worker: Worker, attempt: HeldAttempt): void;
  /** Gives the slots back and forgets the attempt. */
  release(worker: Worker, attemptId: string): void;
}

export function createWorkerRegistry(): WorkerRegistry {
  const workers = new Map<string, Worker>();

  function freeSlots(worker: Worker, attempt: HeldAttempt): void {
    if (attempt.over) return;
    attempt.over = true;
    worker.used -= attempt.slots;
  }

  function* connected(): Iterable<Worker> {
    for (const worker of workers.values()) {
      if (worker.connection !== undefined && !worker.connection.closed) yield worker;
    }
  }

  return {
    get all() {
      return workers.values();
    },
    get hasFreeSlot() {
      for (const worker of connected()) if (worker.used < worker.credits) return true;
      return false;
    },
    get slots() {
      const sum = { used: 0, total: 0 };
      for (const { used, credits } of connected()) {
        sum.used += used;
        sum.total += credits;
      }
      return sum;
    },
    find: (workerId) => workers.get(workerId),
    ensure(workerId, nowMs) {
      const known = workers.get(workerId);
      if (known !== undefined) return known;
      const worker: Worker = {
        id: workerId,
        instanceId: "",
        connection: undefined,
        named: new Set(),
        credits: 0,
        used: 0,
        lastHeardMs: nowMs,
        awaySinceMs: nowMs,
        attempts: new Map(),
      };
      workers.set(workerId, worker);
      return worker;
    },
    forgetIfIdle(worker) {
      if (worker.connection === undefined && worker.attempts.size === 0) workers.delete(worker.id);
    },
    choose(slots) {
      let best: Worker | undefined;
      for (const worker of connected()) {
        const free = worker.credits - worker.used;
        // More than a worker has is all that it has: waiting would not make it larger.
        if (free <= 0 || free < Math.min(slots, worker.credits)) continue;
        if (best === undefined || free > best.credits - best.used) best = worker;
      }
      return best;
    },
    hold(worker, attempt) {
      worker.attempts.set(attempt.attemptId, attempt);
      if (!attempt.over) worker.used += attempt.slots;
    },
    freeSlots,
    takeSlots(worker, attempt) {
      if (!attempt.over) return;
      attempt.over = false;
      worker.used += attempt.slots;
    },
    release(worker, attemptId) {
      const attempt = worker.attempts.get(attemptId);
      if (attempt === undefined) return;
      freeSlots(worker, attempt);
      worker.attempts.delete(attemptId);
    },
  };
}

/** A held attempt for one that a run in memory has. */
export function heldAttemptOf(
  live: LiveRun,
  task: Task,
  attempt: Pick<Attempt, "id" | "epoch">,
  rest: Omit<HeldAttempt, "attemptId" | "epoch" | "live" | "task" | "over">,
): HeldAttempt {
  return { attemptId: attempt.id, epoch: attempt.epoch, live, task, over: false, ...rest };
}
