import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type {
  PipelineParameterSchema,
  PipelineSchema,
  PipelineVersionSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import type { PipelineSource } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import type {
  ArtifactIdsSchema,
  AttemptSchema,
  LargeValueSchema,
  RunSchema,
  TaskSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { InputParameter } from "../domain/ir.ts";
import type { Artifacts, Parameters, ParameterValue } from "../domain/parameter-value.ts";
import type { SpecSource } from "../operations/read-source.ts";
import type {
  AttemptRecord,
  PipelineRecord,
  PipelineVersionRecord,
  RunRecord,
} from "../store/records.ts";
import type { TaskWithAttempts } from "../store/run-queries.ts";
import {
  attemptStateToProto,
  runStateToProto,
  taskKindToProto,
  taskStateToProto,
} from "../store/state-codec.ts";

export function runToProto(run: RunRecord): MessageInitShape<typeof RunSchema> {
  return {
    id: run.id,
    namespace: run.namespace,
    name: run.name,
    pipelineName: run.pipelineName,
    pipelineVersionId: run.pipelineVersionId,
    specDigest: run.specDigest,
    state: runStateToProto(run.state),
    version: BigInt(run.version),
    parametersJson: parametersToJson(run.parameters),
    largeParameters: largeValues(run.parameters),
    pipelineRoot: run.pipelineRoot,
    ...optional("error", run.error),
    warnings: run.warnings.map((warning) => ({ ...warning })),
    outputParametersJson: parametersToJson(run.outputParameters),
    largeOutputParameters: largeValues(run.outputParameters),
    createdBy: run.createdBy,
    createdAt: timestampFromMs(run.createdAt),
    ...time("startedAt", run.startedAt),
    ...time("finishedAt", run.finishedAt),
  };
}

export function taskToProto({
  task,
  attempts,
}: TaskWithAttempts): MessageInitShape<typeof TaskSchema> {
  return {
    id: task.id,
    runId: task.runId,
    parentTaskId: task.parentTaskId ?? "",
    key: task.key,
    path: task.path,
    displayName: task.displayName,
    kind: taskKindToProto(task.kind),
    state: taskStateToProto(task.state),
    version: BigInt(task.version),
    inputParametersJson: parametersToJson(task.inputParameters),
    largeInputParameters: largeValues(task.inputParameters),
    outputParametersJson: parametersToJson(task.outputParameters),
    largeOutputParameters: largeValues(task.outputParameters),
    inputArtifacts: artifactsToIds(task.inputArtifacts),
    outputArtifacts: artifactsToIds(task.outputArtifacts),
    attempts: attempts.map(attemptToProto),
    ...optional("error", task.error),
    warnings: task.warnings.map((warning) => ({ ...warning })),
    createdAt: timestampFromMs(task.createdAt),
    ...time("startedAt", task.startedAt),
    ...time("finishedAt", task.finishedAt),
  };
}

function attemptToProto(attempt: AttemptRecord): MessageInitShape<typeof AttemptSchema> {
  return {
    id: attempt.id,
    number: attempt.number,
    state: attemptStateToProto(attempt.state),
    workerId: attempt.workerId,
    exitCode: attempt.exitCode,
    signal: attempt.signal,
    ...optional("error", attempt.error),
    dispatchedAt: timestampFromMs(attempt.dispatchedAt),
    ...time("startedAt", attempt.startedAt),
    ...time("finishedAt", attempt.finishedAt),
    limits: [...attempt.limits],
  };
}

export function pipelineToProto(pipeline: PipelineRecord): MessageInitShape<typeof PipelineSchema> {
  return { ...pipeline, createdAt: timestampFromMs(pipeline.createdAt) };
}

export function pipelineVersionToProto(
  version: PipelineVersionRecord,
): MessageInitShape<typeof PipelineVersionSchema> {
  return {
    ...version,
    specSizeBytes: BigInt(version.specSizeBytes),
    createdAt: timestampFromMs(version.createdAt),
  };
}

export function pipelineParameterToProto(
  name: string,
  input: InputParameter,
): MessageInitShape<typeof PipelineParameterSchema> {
  return {
    name,
    type: input.type,
    defaultJson: input.defaultJson ?? "",
    optional: input.optional,
  };
}

/** Of a request that was validated: it carries one or the other. */
export function sourceFromProto(
  message: PipelineSource | undefined,
  namespace: string,
): SpecSource {
  const source = message?.source;
  if (source?.case === "specDigest") return { kind: "digest", namespace, digest: source.value };
  return { kind: "bytes", bytes: source?.value ?? new Uint8Array() };
}

/** Values of one set that an answer shows whole; past it, long ones are cut. */
const SHOWN_BYTES_MAX = 1024 * 1024;
const PREVIEW_LENGTH = 128;

/** JSON texts by name. A value that is elsewhere, or too long to be shown, is described instead. */
function parametersToJson(parameters: Parameters): Record<string, string> {
  const lengthMax = shownLengthMax(parameters);
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, valueToJson(value, lengthMax)]),
  );
}

/** Those of which `parametersToJson` gives a description, so that nobody takes it for the value. */
function largeValues(
  parameters: Parameters,
): Record<string, MessageInitShape<typeof LargeValueSchema>> {
  const lengthMax = shownLengthMax(parameters);
  const large: Record<string, MessageInitShape<typeof LargeValueSchema>> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (value.kind === "blob") {
      large[name] = { blobDigest: value.digest, sizeBytes: BigInt(value.sizeBytes) };
    } else if (value.json.length > lengthMax) {
      large[name] = { sizeBytes: BigInt(Buffer.byteLength(value.json)) };
    }
  }
  return large;
}

function shownLengthMax(parameters: Parameters): number {
  let length = 0;
  for (const value of Object.values(parameters)) {
    if (value.kind === "json") length += value.json.length;
  }
  return length > SHOWN_BYTES_MAX ? PREVIEW_LENGTH : SHOWN_BYTES_MAX;
}

function valueToJson(value: ParameterValue, lengthMax: number): string {
  if (value.kind === "blob") {
    return JSON.stringify({ blob: value.digest, size_bytes: value.sizeBytes });
  }
  if (value.json.length <= lengthMax) return value.json;
  const preview = value.json.slice(0, PREVIEW_LENGTH);
  return JSON.stringify({ preview, size_bytes: Buffer.byteLength(value.json) });
}

function artifactsToIds(
  artifacts: Artifacts,
): Record<string, MessageInitShape<typeof ArtifactIdsSchema>> {
  return Object.fromEntries(
    Object.entries(artifacts).map(([name, list]) => [name, { ids: list.map(({ id }) => id) }]),
  );
}

function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]?: Value });
}

function time<Name extends string>(name: Name, ms: number | undefined) {
  return optional(name, ms === undefined ? undefined : timestampFromMs(ms));
}
