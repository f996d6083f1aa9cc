import { closeSync, fstatSync, readSync } from "node:fs";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { assertNever, messageOf, StateError, TidemillError } from "@tidemill/errors";
import type { Clock } from "@tidemill/lifecycle";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import {
  type AttemptFinishedSchema,
  AttemptPhase,
  type StartAttempt,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Logger } from "@tidemill/telemetry";
import type { Remark, Runner, TaskEnd, TaskExit } from "../runners/runner.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { outputRequestId } from "./artifact-store.ts";
import type { AttemptControl } from "./attempt-control.ts";
import { collectOutputs, type OutputSink, type Outputs } from "./collect-outputs.ts";
import { sealContent } from "./content-mark.ts";
import { type AttemptLayout, layOutAttempt } from "./executor-input.ts";
import { diskFullIn, nearlyFull } from "./full-disk.ts";
import { lastWords } from "./last-words.ts";
import type { Lineage } from "./lineage.ts";
import { isInside, localPathOf } from "./local-paths.ts";
import { memoryText, resourceWarnings, type WorkerResources } from "./resource-warnings.ts";
import type { AttemptDirectories, RunDirectories } from "./run-directories.ts";
import { openTaskFile } from "./task-files.ts";

export interface AttemptContext {
  readonly runner: Runner;
  readonly store: ArtifactStore;
  readonly lineage: Lineage;
  readonly directories: RunDirectories;
  readonly resources: WorkerResources;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AttemptHooks {
  onPhase(phase: AttemptPhase): void;
  onStarted(): void;
  /** A line for the `system` log. */
  onRemark(text: string): void;
}

export type Finish = Omit<
  MessageInitShape<typeof AttemptFinishedSchema>,
  "attempt" | "$typeName" | "$unknown"
>;

/** Holds a traceback and the longest message that anybody reads. */
const STDERR_TAIL_BYTES = 64 * 1024;

interface Attempt {
  readonly context: AttemptContext;
  readonly start: StartAttempt;
  readonly control: AttemptControl;
  readonly hooks: AttemptHooks;
  readonly directories: AttemptDirectories;
  /** Reasons for waiting that have been told. */
  readonly troubles: Set<string>;
}

/**
 * Runs one attempt from its inputs to its recorded outputs. Never rejects: the report says it all.
 */
export async function runAttempt(
  context: AttemptContext,
  start: StartAttempt,
  control: AttemptControl,
  { hooks, directories }: { hooks: AttemptHooks; directories: AttemptDirectories },
): Promise<Finish> {
  const troubles = new Set<string>();
  const attempt: Attempt = { context, start, control, hooks, directories, troubles };
  control.warnings.push(...resourceWarnings(start.resources, context.resources));
  let report: Finish;
  try {
    report = await execute(attempt);
  } catch (error) {
    report = describeFailure(attempt, error);
  }
  const { startedAtMs, warnings, limits } = control;
  return {
    ...report,
    warnings,
    limits: [...limits],
    ...(startedAtMs === undefined ? {} : { startedAt: timestampFromMs(startedAtMs) }),
    finishedAt: timestampFromMs(context.clock.now()),
  };
}

async function execute(attempt: Attempt): Promise<Finish> {
  const { context, start, control, hooks, directories } = attempt;
  const parameters = await loadParameters(attempt);
  const layout = layOutAttempt(start, parameters, directories, directories.root);
  const staging = stageInputs(attempt);
  // When the runner refuses first, a failed download must not go unheard.
  staging.catch(() => undefined);
  const task = await context.runner.prepare({
    attemptId: attemptIdOf(start),
    image: start.image,
    command: layout.command,
    args: layout.args,
    signal: control.aborted,
    hooks: {
      onBuilding: () => hooks.onPhase(AttemptPhase.BUILDING),
      onWarning: (remark) => control.warnings.push(remark),
      onRemark: hooks.onRemark,
    },
  });
  await staging;
  control.aborted.throwIfAborted();
  control.attach(task);
  const memoryBytesMax = Number(start.resources?.memoryLimitBytes ?? 0n);
  const end = await task.run({
    directory: directories.work,
    mounts: directories.mounts,
    stdoutPath: join(directories.root, "stdout"),
    stderrPath: join(directories.root, "stderr"),
    env: start.env,
    ...(memoryBytesMax === 0 ? {} : { memoryBytesMax }),
    onStarted(limits, atMs) {
      control.onStarted(limits, atMs);
      hooks.onStarted();
    },
  });
  return await describeEnd(attempt, layout, end);
}

/** Values that came as blobs are fetched; all of them are JSON text then. */
async function loadParameters(attempt: Attempt): Promise<ReadonlyMap<string, string>> {
  const { context, start } = attempt;
  const { namespace = "" } = start.attempt ?? {};
  const entries = Object.entries(start.inputParameters).map(async ([name, { value }]) => {
    switch (value.case) {
      case "json":
        return [name, value.value] as const;
      case "blob": {
        const { digest } = value.value;
        const fetch = () => context.lineage.loadText(namespace, digest);
        return [name, await persist(attempt, fetch)] as const;
      }
      case undefined:
        return [name, "null"] as const;
      default:
        return assertNever(value, "value");
    }
  });
  return new Map(await Promise.all(entries));
}

/** Goes on while artifacts are out of reach; who looks at the task learns what it waits for. */
function persist<T>(attempt: Attempt, work: () => Promise<T>): Promise<T> {
  const { context, control, hooks, troubles } = attempt;
  const onTrouble = ({ reason, message }: TidemillError) => {
    if (troubles.has(reason)) return;
    troubles.add(reason);
    if (reason === "DISK_FULL") control.warnings.push({ code: reason, message });
    hooks.onRemark(`${message}: trying again`);
  };
  return context.store.persist({ signal: control.aborted, onTrouble }, work);
}

async function stageInputs(attempt: Attempt): Promise<void> {
  const { context, start, hooks, directories } = attempt;
  const { namespace = "", runId = "" } = start.attempt ?? {};
  const inputs = Object.values(start.inputArtifacts).flatMap(({ artifacts }) => artifacts);
  await Promise.all(
    inputs
      .filter((artifact) => artifact.digest !== "")
      .map((artifact) => {
        const path = localPathOf(artifact.uri, directories, artifact.schemaTitle);
        return context.directories.stage(runId, path, artifact.digest, async (cause) => {
          hooks.onPhase(AttemptPhase.STAGING);
          if (cause === "changed") hooks.onRemark(changedInput(artifact.name));
          await persist(attempt, () => context.store.download(namespace, artifact, path));
        });
      }),
  );
}

function changedInput(name: string): string {
  return (
    `input artifact "${name}" is not as it was stored: a task of this run has changed its files ` +
    "on this machine. It is fetched anew"
  );
}

async function describeEnd(attempt: Attempt, layout: AttemptLayout, end: TaskEnd): Promise<Finish> {
  const { control, start } = attempt;
  if (control.stopCause !== undefined) return describeStop(control, end);
  if (end.kind === "lost") return lost("what watched the task was killed");
  if (end.droppedBytes > 0) control.warnings.push(outputDropped(end.droppedBytes));
  if (end.code !== 0 || end.signal !== 0) return describeExit(attempt, end);
  const outputs = await collectOutputs({
    start,
    layout,
    directories: attempt.directories,
    sink: outputSink(attempt),
  });
  return succeeded(outputs);
}

function outputDropped(bytes: number): Remark {
  const message =
    `${bytes} bytes of what the task printed are not in its log: the disk of this worker was full, ` +
    "or it printed more than a log takes";
  return { code: "LOG_INCOMPLETE", message };
}

function succeeded({ parameters, artifacts }: Outputs): Finish {
  return {
    state: AttemptState.SUCCEEDED,
    outputParameters: parameters,
    outputArtifacts: artifacts,
  };
}

function outputSink(attempt: Attempt): OutputSink {
  const { context, start, control, hooks, directories } = attempt;
  const { namespace = "", runId = "" } = start.attempt ?? {};
  const attemptId = attemptIdOf(start);
  let isUploading = false;
  const uploading = () => {
    if (!isUploading) hooks.onPhase(AttemptPhase.UPLOADING);
    isUploading = true;
  };
  return {
    onWarning: (remark) => control.warnings.push(remark),
    putText: (json) => persist(attempt, () => context.lineage.storeText(namespace, json)),
    async upload(path, output, index) {
      const requestId = outputRequestId(attemptId, output, index);
      // Before it is read: whatever changes it from now on, later tasks get what was uploaded.
      const mark = isInside(path, directories.mounts) ? await sealContent(path) : undefined;
      const content = await persist(attempt, () =>
        context.store.upload(namespace, path, requestId),
      );
      if (content === undefined) return undefined;
      uploading();
      if (mark !== undefined)
        context.directories.keep(runId, path, { digest: content.digest, mark });
      return content;
    },
    record: (artifact, output, index) =>
      persist(attempt, () => context.lineage.record(start, artifact, output, index)),
  };
}

function describeExit({ start, directories }: Attempt, end: TaskExit): Finish {
  const said = lastWords(tailOf(join(directories.root, "stderr")));
  const hint = nearlyFull(directories.root);
  const suffix = `${said === "" ? "" : `: ${said}`}${hint === undefined ? "" : ` (${hint})`}`;
  return {
    state: AttemptState.FAILED,
    error: causeOf(end, start.resources?.memoryLimitBytes ?? 0n, suffix),
    ...(end.signal === 0 ? { exitCode: end.code } : { signal: end.signal }),
  };
}

function causeOf({ code, signal, memoryBytes }: TaskExit, limitBytes: bigint, suffix: string) {
  if (memoryBytes > 0) {
    const [used, limit] = [memoryText(memoryBytes), memoryText(Number(limitBytes))];
    const message = `the task used ${used} of memory, and its limit is ${limit}: raise the limit, or use less`;
    return { reason: "OUT_OF_MEMORY", message };
  }
  return signal === 0
    ? { reason: "EXIT_CODE", message: `the task ended with exit code ${code}${suffix}` }
    : { reason: "SIGNAL", message: `the task was ended by signal ${signal}${suffix}` };
}

function describeStop(control: AttemptControl, end: TaskEnd | undefined): Finish {
  if (control.stopCause === "worker-stopping")
    return lost("the worker was stopped", "WORKER_STOPPED");
  const exit = end?.kind === "exited" ? end : undefined;
  return {
    state: AttemptState.CANCELED,
    ...(exit === undefined ? {} : { exitCode: exit.signal === 0 ? exit.code : 0 }),
    signal: exit?.signal ?? 0,
    error: { reason: "CANCELED", message: "the attempt was stopped" },
  };
}

function lost(why: string, reason = "LOST"): Finish {
  const message = `the attempt was lost: ${why}`;
  return { state: AttemptState.LOST, error: { reason, message } };
}

/** What is the user's fails the task; what is ours loses the attempt, which is then run again. */
function describeFailure({ context, control }: Attempt, error: unknown): Finish {
  if (control.stopCause !== undefined) return describeStop(control, undefined);
  if (error instanceof TidemillError && !error.retriable) return failed(error);
  const full = diskFullIn(error);
  if (full !== undefined) return failed(full);
  context.log.error("an attempt could not be run", { error });
  return lost(messageOf(error));
}

function failed({ reason, message }: TidemillError): Finish {
  return { state: AttemptState.FAILED, error: { reason, message } };
}

function attemptIdOf({ attempt }: StartAttempt): string {
  if (attempt === undefined) throw new StateError("ATTEMPT_UNNAMED", "an attempt came without id");
  return attempt.attemptId;
}

function tailOf(path: string): string {
  const file = openTaskFile(path);
  // It never came to print anything.
  if (file === undefined) return "";
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, STDERR_TAIL_BYTES));
    readSync(file, tail, 0, tail.length, size - tail.length);
    return tail.toString("utf8");
  } finally {
    closeSync(file);
  }
}
