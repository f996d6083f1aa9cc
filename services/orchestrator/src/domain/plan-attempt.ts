import { assert } from "@tidemill/errors";
import { expandArgument } from "./argument-plan.ts";
import type { ExecutorPlan } from "./executor-plan.ts";
import { expandVariables } from "./expand-variables.ts";
import type { ParameterType } from "./ir.ts";
import { jobText } from "./job-text.ts";
import { jsonToPlainText } from "./json-text.ts";
import type { Artifacts, ArtifactValue, Parameters, ParameterValue } from "./parameter-value.ts";
import type { Piece, Template } from "./placeholders.ts";
import { planResources, type ResourceRequest } from "./plan-resources.ts";
import { renderText } from "./resolve-inputs.ts";
import type { Run, Task } from "./run.ts";
import { TaskFault } from "./task-fault.ts";

/** A part of an argument: known here, or to the worker alone. */
export type ArgumentPart =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "executorInput" }
  | { readonly kind: "inputArtifactPath"; readonly name: string }
  | { readonly kind: "outputArtifactPath"; readonly name: string }
  | { readonly kind: "outputParameterFile"; readonly name: string }
  | { readonly kind: "executorOutputFile" }
  /** An input parameter whose value lies in the artifact service. */
  | { readonly kind: "inputParameter"; readonly name: string };

/** One argument is the concatenation of its parts. */
export type Argument = readonly ArgumentPart[];

/** Everything about an attempt that follows from the run: what StartAttempt carries. */
export interface AttemptSpec {
  readonly image: string;
  readonly command: readonly Argument[];
  readonly args: readonly Argument[];
  readonly env: Readonly<Record<string, string>>;
  readonly inputParameters: Parameters;
  readonly inputArtifacts: Artifacts;
  readonly outputParameterTypes: Readonly<Record<string, ParameterType>>;
  /** Artifacts to be made: id and digest are empty. */
  readonly outputArtifacts: Artifacts;
  readonly resources: ResourceRequest;
  readonly taskRootUri: string;
  /** Outputs whose file may be missing. */
  readonly optionalOutputs: readonly string[];
}

/** Characters of all arguments and variables of an attempt, values put in. */
const ATTEMPT_TEXT_LENGTH_MAX = 64 * 1024 * 1024;

/** The attempt of a container task that is running, under the id it was dispatched with. */
export function planAttempt(run: Run, task: Task, attemptId: string): AttemptSpec {
  return plan(run, task, attemptId, {
    parameters: task.inputParameters,
    artifacts: task.inputArtifacts,
  });
}

/**
 * Throws TaskFault when a container task could not be planned with these inputs: then it fails
 * before it is queued.
 */
export function checkAttempt(run: Run, task: Task, inputs: Inputs): void {
  if (task.plan.body.kind !== "container" || !task.plan.body.executor.dynamic) return;
  const { image } = plan(run, task, ATTEMPT_ID_SAMPLE, inputs);
  if (image.trim() !== "") return;
  throw new TaskFault("IMAGE_MISSING", "the image, which comes from a parameter, is empty");
}

/** As long as a real one, since it is part of addresses. */
const ATTEMPT_ID_SAMPLE = "00000000-0000-7000-8000-000000000000";

export interface Inputs {
  readonly parameters: Parameters;
  readonly artifacts: Artifacts;
}

function plan(run: Run, task: Task, attemptId: string, inputs: Inputs): AttemptSpec {
  const executor = executorOf(task);
  const { outputs } = task.plan.component;
  const taskRootUri = [withoutQuery(run.pipelineRoot), run.root.plan.key, run.id, task.plan.key]
    .concat(attemptId)
    .join("/");
  const outputArtifacts: Record<string, readonly ArtifactValue[]> = {};
  for (const [name, { type, metadataJson }] of outputs.artifacts) {
    const uri = `${taskRootUri}/${name}`;
    const nothing = { id: "", digest: "", tree: false, sizeBytes: 0 };
    outputArtifacts[name] = [{ ...nothing, ...type, name, uri, metadataJson }];
  }
  const budget: Budget = { left: ATTEMPT_TEXT_LENGTH_MAX };
  const env = planEnv(run, task, executor, { parameters: inputs.parameters, budget });
  const place: Place = { run, task, inputs, outputArtifacts, env, budget };
  return {
    image: renderText(run, task, executor.image, inputs.parameters),
    command: executor.command.flatMap((argument) => planArgument(place, argument)),
    args: executor.args.flatMap((argument) => planArgument(place, argument)),
    env,
    inputParameters: inputs.parameters,
    inputArtifacts: inputs.artifacts,
    outputParameterTypes: Object.fromEntries(
      [...outputs.parameters].map(([name, { type }]) => [name, type]),
    ),
    outputArtifacts,
    resources: planResources(run, task, executor.resources, inputs.parameters),
    taskRootUri,
    optionalOutputs: [],
  };
}

interface Place {
  readonly run: Run;
  readonly task: Task;
  readonly inputs: Inputs;
  readonly outputArtifacts: Artifacts;
  readonly env: Readonly<Record<string, string>>;
  readonly budget: Budget;
}

/** Placeholders and variables let a short text stand for a long one, so the length is counted. */
interface Budget {
  left: number;
}

function spend(budget: Budget, text: string): string {
  if (text.includes("\0")) {
    throw new TaskFault(
      "BAD_TEXT",
      "its arguments or variables would hold a NUL character, which no process can be given; " +
        "let it read the value from the executor input or from an artifact",
    );
  }
  budget.left -= text.length;
  if (budget.left >= 0) return text;
  throw new TaskFault(
    "VALUE_TOO_LARGE",
    `its arguments and variables are longer than ${ATTEMPT_TEXT_LENGTH_MAX} characters once ` +
      "values are put in (ATTEMPT_TEXT_LENGTH_MAX); pass large values as artifacts",
  );
}

function executorOf(task: Task): ExecutorPlan {
  assert(task.plan.body.kind === "container", `task "${task.path}" runs no command`);
  return task.plan.body.executor;
}

function planEnv(
  run: Run,
  task: Task,
  executor: ExecutorPlan,
  { parameters, budget }: { readonly parameters: Parameters; readonly budget: Budget },
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value } of executor.env) {
    const text = renderText(run, task, value, parameters);
    env[name] = spend(budget, expandVariables(text, env));
  }
  return env;
}

function planArgument(place: Place, argument: ExecutorPlan["args"][number]): Argument[] {
  const { parameters, artifacts } = place.inputs;
  const isPresent = (name: string): boolean => {
    if (Object.hasOwn(artifacts, name)) return true;
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    return value !== undefined && !(value.kind === "json" && value.json.trim() === "null");
  };
  return expandArgument(argument, isPresent).map((template) => fillIn(place, template));
}

/** One pass over the pieces: what is put in is never looked at again. */
function fillIn(place: Place, template: Template): Argument {
  const parts: ArgumentPart[] = [];
  for (const piece of template) {
    const part = planPiece(place, piece);
    if (part.kind === "literal") spend(place.budget, part.text);
    const last = parts.at(-1);
    if (part.kind === "literal" && last?.kind === "literal") {
      parts[parts.length - 1] = { kind: "literal", text: last.text + part.text };
    } else {
      parts.push(part);
    }
  }
  return parts.length === 0 ? [{ kind: "literal", text: "" }] : parts;
}

function planPiece(place: Place, piece: Piece): ArgumentPart {
  const { run, task, inputs } = place;
  switch (piece.kind) {
    case "literal":
      return { kind: "literal", text: expandVariables(piece.text, place.env) };
    case "executorInput":
    case "executorOutputFile":
      return piece;
    case "outputParameterFile":
      return piece;
    case "job":
      return { kind: "literal", text: jobText(run, task, piece.field) };
    case "inputParameter":
      return planParameter(piece.name, inputs.parameters);
    case "inputArtifact":
    case "outputArtifact": {
      const input = piece.kind === "inputArtifact";
      if (piece.field !== "path") {
        const artifacts = input ? inputs.artifacts : place.outputArtifacts;
        return { kind: "literal", text: artifactText(piece, artifacts) };
      }
      if (!input) return { kind: "outputArtifactPath", name: piece.name };
      // An optional artifact that was not given has no path.
      return Object.hasOwn(inputs.artifacts, piece.name)
        ? { kind: "inputArtifactPath", name: piece.name }
        : { kind: "literal", text: "" };
    }
  }
}

function planParameter(name: string, parameters: Parameters): ArgumentPart {
  const value: ParameterValue | undefined = Object.hasOwn(parameters, name)
    ? parameters[name]
    : undefined;
  if (value === undefined) return { kind: "literal", text: "" };
  if (value.kind === "blob") return { kind: "inputParameter", name };
  return { kind: "literal", text: jsonToPlainText(value.json) };
}

function artifactText(
  piece: Extract<Piece, { kind: "inputArtifact" | "outputArtifact" }>,
  artifacts: Artifacts,
): string {
  const values = Object.hasOwn(artifacts, piece.name) ? (artifacts[piece.name] ?? []) : [];
  const [first] = values;
  if (piece.field === "record") return JSON.stringify(values.map(executorInputArtifact));
  if (first === undefined) return "";
  if (piece.field === "uri") return first.uri;
  if (piece.metadataKey === undefined) return first.metadataJson || "{}";
  const metadata: unknown = JSON.parse(first.metadataJson || "{}");
  const entry = Object.entries(Object(metadata)).find(([key]) => key === piece.metadataKey)?.[1];
  return entry === undefined ? "" : jsonToPlainText(JSON.stringify(entry));
}

/** An artifact as the executor input shows it. */
function executorInputArtifact(artifact: ArtifactValue): object {
  const { schemaTitle, schemaVersion, instanceSchema } = artifact;
  const metadata: unknown = JSON.parse(artifact.metadataJson || "{}");
  return {
    name: artifact.name,
    type: {
      ...(schemaTitle === "" ? { instanceSchema } : { schemaTitle }),
      ...(schemaVersion === "" ? {} : { schemaVersion }),
    },
    uri: artifact.uri,
    metadata,
  };
}

/** Options of the bucket stand after a `?` and are no part of an address. */
function withoutQuery(root: string): string {
  return root.replace(/\?.*$/s, "").replace(/\/+$/, "");
}
