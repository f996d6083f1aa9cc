import { join } from "node:path";
import { assertNever, StateError } from "@tidemill/errors";
import type {
  Argument,
  ArgumentPart,
  ArtifactValue,
  ArtifactValues,
  StartAttempt,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { type LocalDirectories, localPathOf } from "./local-paths.ts";

/** Everything about an attempt that follows from StartAttempt and the directories alone. */
export interface AttemptLayout {
  readonly executorInput: string;
  readonly executorOutputFile: string;
  /** Output parameter to its file. */
  readonly parameterFiles: ReadonlyMap<string, string>;
  readonly command: readonly string[];
  readonly args: readonly string[];
}

const FILE_NAME_CHARS = 64;
const EXECUTOR_OUTPUT = "output_metadata.json";

/**
 * Lays an attempt out: executor input, files, and the command with every part inserted once.
 * `parameters` holds each input's JSON text. Throws InvalidError ARTIFACT_PATH_INVALID.
 */
export function layOutAttempt(
  start: StartAttempt,
  parameters: ReadonlyMap<string, string>,
  directories: LocalDirectories,
  filesDirectory: string,
): AttemptLayout {
  const executorOutputFile = join(localPathOf(start.taskRootUri, directories), EXECUTOR_OUTPUT);
  const parameterFiles = new Map(
    Object.keys(start.outputParameterTypes).map((name, index) => [
      name,
      join(filesDirectory, parameterFileName(name, index)),
    ]),
  );
  const executorInput = composeExecutorInput(start, parameters, parameterFiles, executorOutputFile);
  const pathOf = (artifacts: Readonly<Record<string, ArtifactValues>>, name: string) => {
    const first = artifacts[name]?.artifacts[0];
    return first === undefined ? "" : localPathOf(first.uri, directories, first.schemaTitle);
  };
  const textOf = ({ part }: ArgumentPart): string => {
    switch (part.case) {
      case "literal":
        return part.value;
      case "executorInput":
        return executorInput;
      case "inputArtifactPath":
        return pathOf(start.inputArtifacts, part.value);
      case "outputArtifactPath":
        return pathOf(start.outputArtifacts, part.value);
      case "outputParameterFile":
        return parameterFiles.get(part.value) ?? "";
      case "executorOutputFile":
        return executorOutputFile;
      case "inputParameter":
        return plainText(parameters.get(part.value) ?? '""');
      case undefined:
        throw new StateError(
          "WORKER_TOO_OLD",
          "an argument has a part that this worker does not know",
        );
      default:
        return assertNever(part, "argument part");
    }
  };
  const joined = (argument: Argument) => argument.parts.map(textOf).join("");
  return {
    executorInput,
    executorOutputFile,
    parameterFiles,
    command: start.command.map(joined),
    args: start.args.map(joined),
  };
}

/** Shows which parameter it is of, whatever characters the parameter's name has. */
function parameterFileName(name: string, index: number): string {
  return `output-${index}-${name.replace(/[^\w-]/g, "_").slice(0, FILE_NAME_CHARS)}`;
}

function composeExecutorInput(
  start: StartAttempt,
  parameters: ReadonlyMap<string, string>,
  parameterFiles: ReadonlyMap<string, string>,
  outputFile: string,
): string {
  const files = [...parameterFiles].map(([name, file]) =>
    member(name, object([member("outputFile", quote(file))])),
  );
  const inputs = object([
    member("parameterValues", object([...parameters].map(([name, json]) => member(name, json)))),
    member("artifacts", artifactsJson(start.inputArtifacts)),
  ]);
  const outputs = object([
    member("parameters", object(files)),
    member("artifacts", artifactsJson(start.outputArtifacts)),
    member("outputFile", quote(outputFile)),
  ]);
  return object([member("inputs", inputs), member("outputs", outputs)]);
}

function artifactsJson(artifacts: Readonly<Record<string, ArtifactValues>>): string {
  const members = Object.entries(artifacts).map(([name, list]) =>
    member(name, object([member("artifacts", `[${list.artifacts.map(artifactJson).join(",")}]`)])),
  );
  return object(members);
}

function artifactJson(artifact: ArtifactValue): string {
  const { schemaTitle, schemaVersion, instanceSchema } = artifact;
  const type = {
    ...(schemaTitle === "" ? { instanceSchema } : { schemaTitle }),
    ...(schemaVersion === "" ? {} : { schemaVersion }),
  };
  return object([
    member("name", quote(artifact.name)),
    member("type", JSON.stringify(type)),
    member("uri", quote(artifact.uri)),
    member("metadata", artifact.metadataJson || "{}"),
  ]);
}

/** JSON is put together as text, so that numbers arrive as they were written. */
function object(members: readonly string[]): string {
  return `{${members.join(",")}}`;
}

function member(name: string, json: string): string {
  return `${quote(name)}:${json}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** A string as its text, anything else as JSON: how KFP puts a value into a command. */
function plainText(json: string): string {
  if (!json.trimStart().startsWith('"')) return json;
  const text: unknown = JSON.parse(json);
  return String(text);
}
