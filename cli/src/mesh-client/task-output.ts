import { StringDecoder } from "node:string_decoder";
import type { Client } from "@connectrpc/connect";
import type { Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { TaskKind, TaskState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import {
  LogStream,
  type RunService,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";

export interface OutputLine {
  readonly task: Task;
  readonly stream: "stdout" | "stderr" | "system";
  readonly text: string;
}

export interface OutputOptions {
  readonly namespace: string;
  readonly task: Task;
  /** 0 means the newest. */
  readonly attempt: number;
  readonly follow: boolean;
  /** 0 means everything. */
  readonly tailBytes: number;
  readonly signal: AbortSignal;
}

const LINE_BYTES_MAX = 64 * 1024;

function streamName(stream: LogStream): OutputLine["stream"] {
  if (stream === LogStream.STDERR) return "stderr";
  return stream === LogStream.SYSTEM ? "system" : "stdout";
}

/** What a task prints, cut into lines, each stream by itself. */
export async function* outputLines(
  runs: Client<typeof RunService>,
  options: OutputOptions,
): AsyncGenerator<OutputLine> {
  const { task } = options;
  const rests = new Map<OutputLine["stream"], string>();
  const decoders = new Map<OutputLine["stream"], StringDecoder>();
  const call = runs.getLogs(
    {
      namespace: options.namespace,
      runId: task.runId,
      taskId: task.id,
      attempt: options.attempt,
      follow: options.follow,
      tailBytes: BigInt(options.tailBytes),
    },
    { signal: options.signal },
  );
  for await (const chunk of call) {
    const stream = streamName(chunk.stream);
    const decoder = decoders.get(stream) ?? new StringDecoder("utf8");
    decoders.set(stream, decoder);
    const text = (rests.get(stream) ?? "") + decoder.write(Buffer.from(chunk.data));
    const lines = text.split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) yield { task, stream, text: withoutReturn(line) };
    if (rest.length > LINE_BYTES_MAX) {
      yield { task, stream, text: rest };
      rests.set(stream, "");
    } else {
      rests.set(stream, rest);
    }
  }
  for (const [stream, rest] of rests) {
    if (rest !== "") yield { task, stream, text: withoutReturn(rest) };
  }
}

/** Whether a task is one that can have printed something. */
export function hasOutput(task: Task): boolean {
  return (
    task.kind === TaskKind.CONTAINER &&
    task.state !== TaskState.PENDING &&
    task.state !== TaskState.QUEUED &&
    task.state !== TaskState.OMITTED
  );
}

/** A progress bar returns to the start of its line: what it showed last is what counts. */
function withoutReturn(line: string): string {
  const shown = line.endsWith("\r") ? line.slice(0, -1) : line;
  return shown.slice(shown.lastIndexOf("\r") + 1);
}
