import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ArtifactValue as ArtifactValueMessage,
  ArtifactValues,
  ArtifactValuesSchema,
  Value,
  ValueSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type {
  Artifacts,
  ArtifactValue,
  Parameters,
  ParameterValue,
} from "../domain/parameter-value.ts";

type ValueInit = MessageInitShape<typeof ValueSchema>;
type ArtifactValuesInit = MessageInitShape<typeof ArtifactValuesSchema>;

/** Parameters as they stand in the journal and in a worker's messages. */
export function parametersToProto(parameters: Parameters): Record<string, ValueInit> {
  const messages: Record<string, ValueInit> = {};
  for (const [name, value] of Object.entries(parameters)) messages[name] = valueToProto(value);
  return messages;
}

function valueToProto(value: ParameterValue): ValueInit {
  if (value.kind === "json") return { value: { case: "json", value: value.json } };
  const blob = { digest: value.digest, sizeBytes: BigInt(value.sizeBytes) };
  return { value: { case: "blob", value: blob } };
}

/** A value that holds nothing is a JSON null, as KFP reads an absent one. */
export function parametersFromProto(messages: Readonly<Record<string, Value>>): Parameters {
  const parameters: Record<string, ParameterValue> = {};
  for (const [name, message] of Object.entries(messages)) {
    parameters[name] = valueFromProto(message);
  }
  return parameters;
}

function valueFromProto({ value }: Value): ParameterValue {
  if (value.case === "blob") {
    return { kind: "blob", digest: value.value.digest, sizeBytes: Number(value.value.sizeBytes) };
  }
  return { kind: "json", json: value.case === "json" ? value.value : "null" };
}

export function artifactsToProto(artifacts: Artifacts): Record<string, ArtifactValuesInit> {
  const messages: Record<string, ArtifactValuesInit> = {};
  for (const [name, list] of Object.entries(artifacts)) {
    messages[name] = { artifacts: list.map(artifactToProto) };
  }
  return messages;
}

function artifactToProto(artifact: ArtifactValue) {
  return { ...artifact, sizeBytes: BigInt(artifact.sizeBytes) };
}

export function artifactsFromProto(messages: Readonly<Record<string, ArtifactValues>>): Artifacts {
  const artifacts: Record<string, readonly ArtifactValue[]> = {};
  for (const [name, message] of Object.entries(messages)) {
    artifacts[name] = message.artifacts.map(artifactFromProto);
  }
  return artifacts;
}

function artifactFromProto(message: ArtifactValueMessage): ArtifactValue {
  return {
    id: message.id,
    name: message.name,
    schemaTitle: message.schemaTitle,
    schemaVersion: message.schemaVersion,
    instanceSchema: message.instanceSchema,
    uri: message.uri,
    metadataJson: message.metadataJson,
    digest: message.digest,
    tree: message.tree,
    sizeBytes: Number(message.sizeBytes),
  };
}
