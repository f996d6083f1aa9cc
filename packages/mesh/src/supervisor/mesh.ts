import { rm } from "node:fs/promises";
import type { Clock, Service } from "@tidemill/lifecycle";
import type { Logger } from "@tidemill/telemetry/logger";
import type { HomeLayout } from "../home/home-layout.ts";
import type { Reaper } from "../reaper/reaper.ts";
import {
  type ProcessName,
  type ProcessRecord,
  type RunRecord,
  writeRunRecord,
} from "./run-record.ts";
import { startMarkOf } from "./start-mark.ts";
import { type ProcessChange, type ProcessSpec, superviseProcess } from "./supervised-process.ts";

/** Everything that runs on one home. */
export interface Mesh extends Service {
  readonly record: RunRecord;
  /** Resolves when the mesh ended although nobody stopped it. */
  readonly lost: Promise<void>;
}

export interface MeshParts {
  readonly layout: HomeLayout;
  readonly reaper: Reaper;
  readonly log: Logger;
  readonly clock: Clock;
  readonly specs: Readonly<Record<ProcessName, ProcessSpec>>;
  readonly identity: Omit<RunRecord, "processes">;
  /** Resolves when the reaper is gone. */
  readonly lost: Promise<void>;
}

/** Those of one group start side by side, the next group when they serve; stop is the reverse. */
const startOrder: readonly (readonly ProcessName[])[] = [
  ["postgres", "nats"],
  ["artifacts", "orchestrator", "worker"],
];

/** Tasks first, the truth last. */
export const stopOrder: readonly ProcessName[] = [
  "worker",
  "orchestrator",
  "artifacts",
  "nats",
  "postgres",
];

export async function createMesh(parts: MeshParts): Promise<Mesh> {
  const { layout, reaper, log, specs } = parts;
  const processes: Partial<Record<ProcessName, ProcessRecord>> = {};
  let writing: Promise<void> = Promise.resolve();
  let stopped: Promise<void> | undefined;

  async function note(change: ProcessChange): Promise<void> {
    const { name, state, pid, restarts } = change;
    const startMark = pid === undefined ? undefined : await startMarkOf(pid);
    processes[name] = { state, pid, startMark, restarts, sinceMs: parts.clock.now() };
    await writeRunRecord(layout, { ...parts.identity, processes });
  }

  function onChange(change: ProcessChange): void {
    log.info("process changed", { ...change });
    // One at a time, in order: a record that cannot be written costs `status`, not the mesh.
    writing = writing
      .then(() => note(change))
      .catch((error: unknown) => log.error("the record could not be written", { error }));
  }

  const context = { reaper, log, clock: parts.clock, onChange };
  const supervised = {
    postgres: superviseProcess(specs.postgres, context),
    nats: superviseProcess(specs.nats, context),
    artifacts: superviseProcess(specs.artifacts, context),
    orchestrator: superviseProcess(specs.orchestrator, context),
    worker: superviseProcess(specs.worker, context),
  } satisfies Record<ProcessName, Service>;

  async function stopAll(): Promise<void> {
    for (const name of stopOrder) await supervised[name].stop();
    await writing;
    // Before the home's lock is given up with the reaper: the next record is another start's.
    await rm(layout.record, { force: true });
    await reaper.stop();
  }

  parts.lost.then(() => endOrphans(processes, log)).catch(() => {});
  return {
    get record() {
      return { ...parts.identity, processes: { ...processes } };
    },
    lost: parts.lost,
    async start() {
      for (const names of startOrder) {
        await Promise.all(names.map((name) => supervised[name].start()));
      }
      await writing;
    },
    stop() {
      stopped ??= stopAll();
      return stopped;
    },
  };
}

/** Without the reaper nobody else ends these: each leads a session of its own. */
function endOrphans(processes: Partial<Record<ProcessName, ProcessRecord>>, log: Logger): void {
  log.error("the reaper is gone: ending everything");
  for (const [name, { pid, state }] of Object.entries(processes)) {
    if (pid === undefined || state === "waiting") continue;
    try {
      process.kill(-pid, name === "postgres" ? "SIGQUIT" : "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}
