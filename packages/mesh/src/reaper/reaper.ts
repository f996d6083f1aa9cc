import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { StateError } from "@tidemill/errors";
import type { Service } from "@tidemill/lifecycle";
import type { ProcessPlan } from "../servers/process-plan.ts";
import { parseReaperEvent, type ReaperEvent } from "./reaper-event.ts";

export interface ReaperOptions {
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
  /** A file that only one reaper at a time holds; see `start`. */
  readonly lock?: string;
  /** Called when the reaper itself is gone although nobody stopped it. */
  readonly onLost: () => void;
}

export interface SpawnOptions {
  readonly log: string;
  /** The signal that asks this process to stop when everything must end at once. */
  readonly stopSignal?: "TERM" | "INT";
  /** Nothing that this process started, or that those started, may outlive it. */
  readonly sweep?: boolean;
}

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** What it wrote last. */
  readonly tail: string;
}

export interface ReapedProcess {
  readonly pid: number;
  readonly exit: Promise<ProcessExit>;
  /** Aborts when the process has ended. */
  readonly ended: AbortSignal;
}

/** The process that is parent of all others of a mesh and outlives none of them. */
export interface Reaper extends Service {
  /** Throws StateError HOME_IN_USE naming the process whose reaper holds the lock. */
  start(): Promise<void>;
  readonly pid: number;
  spawn(plan: ProcessPlan, options: SpawnOptions): Promise<ReapedProcess>;
  signal(name: string, signal: "TERM" | "INT" | "KILL"): void;
}

/** A log file is closed at this size, and so many closed ones are kept. */
const LOG_BYTES_MAX = 8 * 1024 * 1024;
const LOGS_KEPT = 4;

export const reaperScript = fileURLToPath(new URL("./reaper.py", import.meta.url));

interface Pending {
  readonly spawned: PromiseWithResolvers<number>;
  readonly exit: PromiseWithResolvers<ProcessExit>;
  readonly ended: AbortController;
}

/**
 * `spawn` throws StateError SPAWN_FAILED when the command cannot be executed. When the reaper is
 * gone, all processes count as ended.
 */
export function createReaper(options: ReaperOptions): Reaper {
  const processes = new Map<string, Pending>();
  const ready = Promise.withResolvers<number>();
  const gone = Promise.withResolvers<void>();
  let child: ReturnType<typeof startScript> | undefined;
  let pid = 0;
  let stopping = false;
  let isGone = false;

  function onEvent(event: ReaperEvent): void {
    if (event.event === "ready") {
      ready.resolve(event.pid);
      return;
    }
    if (event.event === "busy" || event.event === "unlockable") {
      ready.reject(lockFailure(event, options.lock ?? ""));
      return;
    }
    const process = processes.get(event.id);
    if (process === undefined) return;
    if (event.event === "spawned") {
      process.spawned.resolve(event.pid);
      return;
    }
    processes.delete(event.id);
    if (event.event === "failed") {
      const message = `could not start ${event.id}: ${event.message}`;
      process.spawned.reject(new StateError("SPAWN_FAILED", message));
    } else {
      process.exit.resolve(event);
      process.ended.abort();
    }
  }

  function onGone(): void {
    isGone = true;
    gone.resolve();
    ready.reject(reaperLost());
    for (const process of processes.values()) {
      process.spawned.reject(reaperLost());
      process.spawned.promise.catch(() => {});
      process.exit.resolve({ code: null, signal: null, tail: "" });
      process.ended.abort();
    }
    if (!stopping) options.onLost();
  }

  return {
    get pid() {
      return pid;
    },
    async start() {
      child = startScript(options);
      child.once("error", (error) => ready.reject(error));
      child.once("close", onGone);
      // Writing to a reaper that is gone: `onGone` tells of it.
      child.stdin.on("error", () => {});
      createInterface({ input: child.stdout }).on("line", (line) =>
        onEvent(parseReaperEvent(line)),
      );
      try {
        pid = await ready.promise;
      } catch (error) {
        stopping = true;
        child.stdin.end();
        throw error;
      }
    },
    async spawn(plan, spawnOptions) {
      if (isGone) throw reaperLost();
      const pending: Pending = {
        spawned: Promise.withResolvers(),
        exit: Promise.withResolvers(),
        ended: new AbortController(),
      };
      processes.set(plan.name, pending);
      send(child, spawnCommand(plan, spawnOptions));
      const pid = await pending.spawned.promise;
      return { pid, exit: pending.exit.promise, ended: pending.ended.signal };
    },
    signal(name, signal) {
      send(child, { op: "signal", id: name, signal });
    },
    async stop() {
      stopping = true;
      if (child === undefined) return;
      child.stdin.end();
      await gone.promise;
    },
  };
}

function reaperLost(): StateError {
  return new StateError("REAPER_LOST", "the reaper, parent of all processes, is gone");
}

function lockFailure(
  event: Extract<ReaperEvent, { event: "busy" | "unlockable" }>,
  lock: string,
): StateError {
  if (event.event === "busy") {
    return new StateError("HOME_IN_USE", `process ${event.holder} holds ${lock}`, {
      metadata: { pid: String(event.holder) },
    });
  }
  return new StateError(
    "BAD_HOME",
    `the file system of ${lock} cannot lock files (${event.message}): ` +
      "choose a directory on a local disk with --home or TIDEMILL_HOME",
  );
}

function startScript(options: ReaperOptions) {
  const lock = options.lock === undefined ? [] : ["--lock", options.lock];
  return spawn(options.python, ["-I", "-S", reaperScript, ...lock], {
    env: { ...options.env },
    cwd: "/",
    stdio: ["pipe", "pipe", "inherit"],
    // In a session of its own: a Ctrl-C in the terminal is for the supervisor alone.
    detached: true,
  });
}

function send(child: ReturnType<typeof startScript> | undefined, command: object): void {
  child?.stdin.write(`${JSON.stringify(command)}\n`);
}

function spawnCommand(plan: ProcessPlan, options: SpawnOptions): object {
  return {
    op: "spawn",
    id: plan.name,
    argv: plan.argv,
    env: plan.env,
    cwd: plan.cwd,
    uid: plan.user?.uid,
    gid: plan.user?.gid,
    log: options.log,
    log_bytes_max: LOG_BYTES_MAX,
    logs_kept: LOGS_KEPT,
    stop_signal: options.stopSignal ?? "TERM",
    sweep: options.sweep ?? false,
  };
}
