import { messageOf, StateError } from "@tidemill/errors";
import { backoff, type Clock, type Service, wait } from "@tidemill/lifecycle";
import type { Logger } from "@tidemill/telemetry/logger";
import type { ProcessExit, ReapedProcess, Reaper, SpawnOptions } from "../reaper/reaper.ts";
import type { ProcessPlan } from "../servers/process-plan.ts";
import { lastWords } from "./last-words.ts";
import type { ProcessName, ProcessState } from "./run-record.ts";

/** What changed about a process, for the record. */
export interface ProcessChange {
  readonly name: ProcessName;
  readonly state: ProcessState;
  readonly pid?: number | undefined;
  readonly restarts: number;
}

export interface ProcessSpec extends SpawnOptions {
  readonly name: ProcessName;
  /** Asked anew for every start. */
  readonly plan: () => Promise<ProcessPlan>;
  /** Resolves once the process serves; `signal` aborts when it ended or took too long. */
  readonly ready: (pid: number, signal: AbortSignal) => Promise<void>;
  /** How long it may take to serve before it is killed and started anew; READY_MS_MAX if absent. */
  readonly readyMs?: number;
  /** How long it may take to stop before it is killed. */
  readonly stopMs: number;
}

export interface SupervisionContext {
  readonly reaper: Reaper;
  readonly log: Logger;
  readonly clock: Clock;
  readonly onChange: (change: ProcessChange) => void;
}

const READY_MS_MAX = 60_000;
/** A process that ends this often before it ever served is not going to. */
const FIRST_TRIES_MAX = 2;
const RESTART_FIRST_MS = 200;
const RESTART_MS_MAX = 10_000;
/** One that served this long starts again without the delays of earlier failures. */
const STEADY_MS = 30_000;

/**
 * One process that is started again whenever it ends. `start` resolves when it serves, and throws
 * StateError PROCESS_FAILED with its last words when it never does.
 */
export function superviseProcess(spec: ProcessSpec, context: SupervisionContext): Service {
  const { reaper, log, clock } = context;
  const stopping = new AbortController();
  const delays = backoff({ initialMs: RESTART_FIRST_MS, maxMs: RESTART_MS_MAX });
  const first = Promise.withResolvers<void>();
  let served = false;
  let restarts = 0;
  let current: ReapedProcess | undefined;
  let loop: Promise<void> | undefined;

  function change(state: ProcessState): void {
    const { name } = spec;
    context.onChange({
      name,
      state,
      pid: state === "stopped" ? undefined : current?.pid,
      restarts,
    });
  }

  async function runOnce(): Promise<ProcessExit> {
    const process = await reaper.spawn(await spec.plan(), spec);
    current = process;
    change("starting");
    if (stopping.signal.aborted) reaper.signal(spec.name, spec.stopSignal ?? "TERM");
    const startedMs = clock.monotonic();
    const limit = AbortSignal.any([
      process.ended,
      AbortSignal.timeout(spec.readyMs ?? READY_MS_MAX),
    ]);
    try {
      await spec.ready(process.pid, limit);
      served = true;
      change("serving");
      first.resolve();
    } catch (error) {
      // One that neither serves nor ends is in the way of its successor.
      if (!process.ended.aborted) reaper.signal(spec.name, "KILL");
      log.warn("process did not become ready", { process: spec.name, reason: messageOf(error) });
    }
    const exit = await process.exit;
    if (clock.monotonic() - startedMs > STEADY_MS) delays.reset();
    return exit;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const exit = await runOnce().catch(notStarted);
      if (stopping.signal.aborted) break;
      restarts++;
      log.warn("process ended", { process: spec.name, ...exit, restarts });
      if (!served && restarts >= FIRST_TRIES_MAX) throw failedToStart(spec, exit);
      change("waiting");
      await wait(delays.nextMs(), stopping.signal);
    }
  }

  /**
   * What keeps a process that has served from being started again, a full disk for instance, may
   * pass. A first start fails at once, and without a reaper there is nothing to try.
   */
  function notStarted(error: unknown): ProcessExit {
    const isLost = error instanceof StateError && error.reason === "REAPER_LOST";
    if (!served || isLost) throw error;
    return { code: null, signal: null, tail: messageOf(error) };
  }

  return {
    start() {
      loop = run().catch((error: unknown) => {
        // Before it ever served `start` throws this; later only a lost reaper leads here.
        log.error("process is no longer supervised", { process: spec.name, error });
        first.reject(error);
      });
      return first.promise;
    },
    async stop() {
      stopping.abort();
      first.reject(new StateError("STOPPED", `${spec.name} was stopped before it served`));
      first.promise.catch(() => {});
      if (loop === undefined) return;
      if (current?.ended.aborted === false) reaper.signal(spec.name, spec.stopSignal ?? "TERM");
      const stopped = new AbortController();
      const kill = wait(spec.stopMs, stopped.signal).then((isLate) => {
        if (!isLate) return;
        log.warn("process did not stop in time and is killed", { process: spec.name });
        reaper.signal(spec.name, "KILL");
      });
      await loop;
      stopped.abort();
      await kill;
      change("stopped");
    },
  };
}

function failedToStart(spec: ProcessSpec, exit: ProcessExit): StateError {
  const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal;
  const words = lastWords(exit.tail) || "it wrote nothing";
  return new StateError(
    "PROCESS_FAILED",
    `${spec.name} did not start (${how}): ${words}\n  all it wrote is in ${spec.log}`,
  );
}
