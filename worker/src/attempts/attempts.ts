import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { messageOf } from "@tidemill/errors";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import {
  type AttemptFinished,
  AttemptFinishedSchema,
  type AttemptPhase,
  type AttemptRef,
  type StartAttempt,
  type WorkRequestSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { LogShipper } from "../logs/log-shipper.ts";
import { AttemptControl, type StopCause } from "./attempt-control.ts";
import { diskFullIn } from "./full-disk.ts";
import { type AttemptContext, type AttemptHooks, type Finish, runAttempt } from "./run-attempt.ts";

/** What the worker says to the orchestrator about its attempts. */
export type Report = MessageInitShape<typeof WorkRequestSchema>;

export interface AttemptsOptions {
  readonly context: AttemptContext;
  shipLogs(start: StartAttempt, directory: string): LogShipper;
  /** Sends a report if there is a connection; whoever connects asks for what is open anyway. */
  send(report: Report): void;
  onFinished(state: AttemptState, seconds: number): void;
}

/** A task that is over before this is reported once, at its end, which says when it began. */
const STARTED_REPORT_DELAY_MS = 20;

/** Far more than it takes for the successor of a task to arrive here. */
const QUIET_AFTER_MS = 75;

interface Entry {
  ref: AttemptRef;
  readonly control: AttemptControl;
  /** Set once it is over; kept until the orchestrator has it. */
  finish: Finish | undefined;
}

/** Every attempt that is under way, or over and not acknowledged. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #entries = new Map<string, Entry>();
  /** Work on behalf of a run: its directories stay until that is done. */
  readonly #runWork = new Map<string, Set<Promise<void>>>();
  #lastEndMs = Number.NEGATIVE_INFINITY;
  #wakeWhenSettled: (() => void) | undefined;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  get refs(): readonly AttemptRef[] {
    return [...this.#entries.values()].map(({ ref }) => ref);
  }

  /** Whether a task runs, or one ended a moment ago that another may be waiting for. */
  get isBusy(): boolean {
    const idleMs = this.#options.context.clock.monotonic() - this.#lastEndMs;
    return idleMs < QUIET_AFTER_MS || this.running > 0;
  }

  get running(): number {
    return [...this.#entries.values()].filter(({ finish }) => finish === undefined).length;
  }

  /** Everything a new connection must know: what runs, and what ended and was not acknowledged. */
  openReports(): readonly Report[] {
    return [...this.#entries.values()].flatMap((entry): Report[] => {
      if (entry.finish !== undefined) return [finishedReport(entry.ref, entry.finish)];
      return entry.control.startedAtMs === undefined ? [] : [startedReport(entry)];
    });
  }

  /** Starts an attempt. One that is known gets the new owner's epoch, and reports again. */
  start(start: StartAttempt): void {
    const ref = start.attempt;
    if (ref === undefined) return;
    const known = this.#entries.get(ref.attemptId);
    if (known !== undefined) {
      known.ref = ref;
      if (known.finish !== undefined) this.#options.send(finishedReport(ref, known.finish));
      else if (known.control.startedAtMs !== undefined) this.#options.send(startedReport(known));
      return;
    }
    const entry: Entry = { ref, control: new AttemptControl(), finish: undefined };
    this.#entries.set(ref.attemptId, entry);
    this.#track(ref.runId, this.#run(start, entry));
  }

  stop(attemptId: string, cause: StopCause, graceMs: number): void {
    const entry = this.#entries.get(attemptId);
    if (entry !== undefined && entry.finish === undefined) entry.control.stop(cause, graceMs);
  }

  stopAll(cause: StopCause, graceMs: number): void {
    for (const id of this.#entries.keys()) this.stop(id, cause, graceMs);
  }

  /** The orchestrator has committed a report. */
  accept(attemptId: string): void {
    if (this.#entries.get(attemptId)?.finish === undefined) return;
    this.#entries.delete(attemptId);
    if (this.#entries.size === 0) this.#wakeWhenSettled?.();
  }

  /** Resolves when every attempt is over and acknowledged. */
  settled(): Promise<void> {
    if (this.#entries.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeWhenSettled = resolve;
    });
  }

  /** Removes what a run that has ended left here, once its logs are shipped. */
  endRun(runId: string): void {
    const work = [...(this.#runWork.get(runId) ?? [])];
    void Promise.allSettled(work)
      .then(() => this.#options.context.directories.remove(runId))
      .catch((error: unknown) => {
        this.#options.context.log.warn("a run's directory is still there", {
          run_id: runId,
          error,
        });
      });
  }

  /** Resolves when no log is waiting to be shipped. */
  async logsShipped(): Promise<void> {
    await Promise.allSettled([...this.#runWork.values()].flatMap((work) => [...work]));
  }

  async #run(start: StartAttempt, entry: Entry): Promise<void> {
    const { context } = this.#options;
    const { runId, attemptId } = entry.ref;
    const startedMs = context.clock.monotonic();
    let logs: LogShipper | undefined;
    try {
      const directories = context.directories.make(runId, attemptId);
      logs = this.#options.shipLogs(start, directories.root);
      const hooks = this.#hooks(entry, logs);
      entry.finish = await runAttempt(context, start, entry.control, { hooks, directories });
    } catch (error) {
      // Nothing of the user's has run. To try again at once would fill no emptier a disk.
      const full = diskFullIn(error);
      const { reason, message } = full ?? {
        reason: "LOST",
        message: `the attempt was lost: ${messageOf(error)}`,
      };
      const state = full === undefined ? AttemptState.LOST : AttemptState.FAILED;
      entry.finish = { state, error: { reason, message } };
    }
    this.#lastEndMs = context.clock.monotonic();
    // The result first; its log's last bytes may follow.
    this.#options.send(finishedReport(entry.ref, entry.finish));
    const seconds = (context.clock.monotonic() - startedMs) / 1000;
    this.#options.onFinished(entry.finish.state ?? AttemptState.LOST, seconds);
    for (const { code, message } of entry.control.warnings) logs?.remark(`${code}: ${message}`);
    const { error } = entry.finish;
    if (error?.message) logs?.remark(`${error.reason}: ${error.message}`);
    await logs?.finish();
  }

  #hooks(entry: Entry, logs: LogShipper): AttemptHooks {
    return {
      onPhase: (phase: AttemptPhase) => {
        const value = { attempt: entry.ref, phase };
        this.#options.send({ message: { case: "phaseChanged", value } });
      },
      onStarted: () => {
        setTimeout(() => {
          if (entry.finish === undefined) this.#options.send(startedReport(entry));
        }, STARTED_REPORT_DELAY_MS);
      },
      onRemark: (text) => logs.remark(text),
    };
  }

  #track(runId: string, work: Promise<void>): void {
    const all = this.#runWork.get(runId) ?? new Set();
    this.#runWork.set(runId, all);
    const tracked = work
      .catch((error: unknown) => this.#options.context.log.error("an attempt broke", { error }))
      .finally(() => {
        all.delete(tracked);
        if (all.size === 0) this.#runWork.delete(runId);
      });
    all.add(tracked);
  }
}

function startedReport({ ref, control }: Entry): Report {
  const { startedAtMs = 0, warnings, limits } = control;
  const at = timestampFromMs(startedAtMs);
  const value = { attempt: ref, at, warnings: [...warnings], limits: [...limits] };
  return { message: { case: "started", value } };
}

function finishedReport(attempt: AttemptRef, finish: Finish): Report {
  const value: AttemptFinished = create(AttemptFinishedSchema, { ...finish, attempt });
  return { message: { case: "finished", value } };
}
