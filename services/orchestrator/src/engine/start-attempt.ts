import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ArgumentPartSchema,
  ArgumentSchema,
  StartAttemptSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { type Argument, type ArgumentPart, planAttempt } from "../domain/plan-attempt.ts";
import { liveAttempt, type Run, type Task } from "../domain/run.ts";
import { artifactsToProto, parametersToProto } from "../store/value-codec.ts";

type StartAttemptInit = MessageInitShape<typeof StartAttemptSchema>;
type ArgumentInit = MessageInitShape<typeof ArgumentSchema>;
type PartInit = NonNullable<MessageInitShape<typeof ArgumentPartSchema>["part"]>;

export interface StartAttemptOptions {
  /** What the task takes of its worker, after clamping. */
  readonly slots: number;
  readonly traceparent: string;
}

/** Everything a worker needs for the live attempt of a task. Throws when it cannot be planned. */
export function startAttemptOf(
  run: Run,
  task: Task,
  { slots, traceparent }: StartAttemptOptions,
): StartAttemptInit {
  const attempt = liveAttempt(task);
  if (attempt === undefined) throw new Error(`bug: task "${task.path}" has no live attempt`);
  const spec = planAttempt(run, task, attempt.id);
  const { cpu, memoryBytes, memoryLimitBytes, accelerators } = spec.resources;
  return {
    attempt: {
      namespace: run.namespace,
      runId: run.id,
      taskId: task.id,
      attemptId: attempt.id,
      epoch: BigInt(attempt.epoch),
    },
    attemptNumber: attempt.number,
    runName: run.name,
    pipelineName: run.root.plan.key,
    taskKey: task.plan.key,
    taskPath: task.path,
    image: spec.image,
    command: spec.command.map(argumentToProto),
    args: spec.args.map(argumentToProto),
    env: { ...spec.env },
    inputParameters: parametersToProto(spec.inputParameters),
    inputArtifacts: artifactsToProto(spec.inputArtifacts),
    outputParameterTypes: { ...spec.outputParameterTypes },
    outputArtifacts: artifactsToProto(spec.outputArtifacts),
    resources: {
      cpu,
      memoryBytes: BigInt(memoryBytes),
      memoryLimitBytes: BigInt(memoryLimitBytes),
      accelerators,
      slots,
    },
    taskRootUri: spec.taskRootUri,
    traceparent,
    optionalOutputs: [...spec.optionalOutputs],
  };
}

function argumentToProto(argument: Argument): ArgumentInit {
  return { parts: argument.map((part) => ({ part: partToProto(part) })) };
}

function partToProto(part: ArgumentPart): PartInit {
  switch (part.kind) {
    case "literal":
      return { case: "literal", value: part.text };
    case "executorInput":
      return { case: "executorInput", value: true };
    case "executorOutputFile":
      return { case: "executorOutputFile", value: true };
    case "inputArtifactPath":
      return { case: "inputArtifactPath", value: part.name };
    case "outputArtifactPath":
      return { case: "outputArtifactPath", value: part.name };
    case "outputParameterFile":
      return { case: "outputParameterFile", value: part.name };
    case "inputParameter":
      return { case: "inputParameter", value: part.name };
  }
}
