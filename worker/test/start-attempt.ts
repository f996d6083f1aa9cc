import type { MessageInitShape } from "@bufbuild/protobuf";
import { systemClock, uuidv7Source } from "@tidemill/lifecycle";
import type {
  ArgumentSchema,
  StartAttemptSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { componentCommand } from "./component-builder.ts";

export type Start = Omit<MessageInitShape<typeof StartAttemptSchema>, "$typeName" | "$unknown">;
const ids = uuidv7Source(systemClock);
export const RUN_ID = ids.next();

export function nextId(): string {
  return ids.next();
}

export type Argument = MessageInitShape<typeof ArgumentSchema>;

const EXECUTOR_INPUT: Argument = { parts: [{ part: { case: "executorInput", value: true } }] };

export function literal(text: string): Argument {
  return { parts: [{ part: { case: "literal", value: text } }] };
}

/** An attempt of a plain command. */
export function commandAttempt(id: string, command: readonly string[], extra: Start = {}): Start {
  return {
    attemptNumber: 1,
    image: "alpine",
    command: command.map(literal),
    attempt: { namespace: "default", runId: RUN_ID, taskId: id, attemptId: id, epoch: 7n },
    taskRootUri: `minio://mlpipeline/v2/artifacts/p/${RUN_ID}/${id}/1`,
    ...extra,
  };
}

/** An attempt of a lightweight component whose function is `step`. */
export function componentAttempt(id: string, source: string, extra: Start = {}): Start {
  return commandAttempt(id, componentCommand(source), {
    image: "python:3.11",
    args: [
      literal("--executor_input"),
      EXECUTOR_INPUT,
      literal("--function_to_execute"),
      literal("step"),
    ],
    ...extra,
  });
}

/** An output artifact of an attempt made here. */
export function outputArtifact(id: string, name: string, schemaTitle = "system.Dataset") {
  const uri = `minio://mlpipeline/v2/artifacts/p/${RUN_ID}/${id}/1/${name}`;
  return { artifacts: [{ name, uri, schemaTitle, schemaVersion: "0.0.1", metadataJson: "{}" }] };
}

export function json(value: unknown) {
  return { value: { case: "json" as const, value: JSON.stringify(value) } };
}
