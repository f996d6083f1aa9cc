import { timestampMs } from "@bufbuild/protobuf/wkt";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type {
  AttemptFinished,
  AttemptRef,
  AttemptStarted,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Command } from "../domain/command.ts";
import type { Warning } from "../domain/journal-event.ts";
import { artifactsFromProto, parametersFromProto } from "../store/value-codec.ts";

/** What a worker says about an attempt, as a command to the attempt's run. */
export interface WorkerReport {
  readonly runId: string;
  readonly attemptId: string;
  readonly command: Command;
}

type Finished = Extract<Command, { kind: "attemptFinished" }>;

/** Undefined without an attempt, which validation refuses. */
export function startedCommand(message: AttemptStarted): WorkerReport | undefined {
  const { attempt } = message;
  if (attempt === undefined) return undefined;
  const command: Command = {
    kind: "attemptStarted",
    taskId: attempt.taskId,
    token: tokenOf(attempt),
    warnings: message.warnings.map(warningOf),
    limits: message.limits,
  };
  return { runId: attempt.runId, attemptId: attempt.attemptId, command };
}

/** Undefined without an attempt, which validation refuses. */
export function finishedCommand(message: AttemptFinished): WorkerReport | undefined {
  const { attempt } = message;
  if (attempt === undefined) return undefined;
  return {
    runId: attempt.runId,
    attemptId: attempt.attemptId,
    command:
      message.state === AttemptState.LOST
        ? lostCommand(message, attempt)
        : resultCommand(message, attempt),
  };
}

/** The worker itself says that the end was no fault of the task: it was stopped, for instance. */
function lostCommand(message: AttemptFinished, attempt: AttemptRef): Command {
  return {
    kind: "attemptLost",
    taskId: attempt.taskId,
    token: tokenOf(attempt),
    error: errorOf(message),
  };
}

function resultCommand(message: AttemptFinished, attempt: AttemptRef): Command {
  return {
    kind: "attemptFinished",
    taskId: attempt.taskId,
    token: tokenOf(attempt),
    outcome: {
      exitCode: message.exitCode,
      signal: message.signal,
      warnings: message.warnings.map(warningOf),
      limits: message.limits,
      startedAt: message.startedAt === undefined ? undefined : timestampMs(message.startedAt),
    },
    result: resultOf(message),
  };
}

/**
 * What stands for a report that can never be taken: its task fails with the reason, instead of
 * waiting for ever. Undefined where there is nothing left to say.
 */
export function refusedReport(command: Command, why: string): Command | undefined {
  if (command.kind !== "attemptFinished") return undefined;
  const error = { reason: "REPORT_REFUSED", message: `its worker's report cannot be kept: ${why}` };
  if (command.result.kind === "failed" && command.result.error.reason === error.reason) {
    return undefined;
  }
  const outcome = { exitCode: 0, signal: 0, warnings: [], limits: [], startedAt: undefined };
  return { ...command, outcome, result: { kind: "failed", error } };
}

function resultOf(message: AttemptFinished): Finished["result"] {
  switch (message.state) {
    case AttemptState.SUCCEEDED:
      return {
        kind: "succeeded",
        parameters: parametersFromProto(message.outputParameters),
        artifacts: artifactsFromProto(message.outputArtifacts),
      };
    case AttemptState.CANCELED:
      return { kind: "canceled" };
    default:
      return { kind: "failed", error: errorOf(message) };
  }
}

function errorOf({ error }: AttemptFinished) {
  return {
    reason: error?.reason ?? "UNKNOWN",
    message: error?.message ?? "its worker gave no reason",
  };
}

function tokenOf(attempt: AttemptRef) {
  return { attemptId: attempt.attemptId, epoch: Number(attempt.epoch) };
}

function warningOf({ code, message }: Warning): Warning {
  return { code, message };
}
