/** A property of an artifact that a placeholder may ask for; `record` is the whole list as JSON. */
export type ArtifactField = "uri" | "path" | "metadata" | "record";

export type JobField =
  | "jobName"
  | "jobResourceName"
  | "jobId"
  | "taskName"
  | "taskId"
  | "createTime"
  | "scheduleTime"
  | "pipelineRoot";

/** A text is a list of pieces; each placeholder in it is one piece, the text between is literal. */
export type Piece =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "executorInput" }
  | { readonly kind: "executorOutputFile" }
  | { readonly kind: "outputParameterFile"; readonly name: string }
  | { readonly kind: "inputParameter"; readonly name: string }
  | {
      readonly kind: "inputArtifact" | "outputArtifact";
      readonly name: string;
      readonly field: ArtifactField;
      /** One entry of the metadata. */
      readonly metadataKey: string | undefined;
    }
  | { readonly kind: "job"; readonly field: JobField };

export type Template = readonly Piece[];

export interface ParsedTemplate {
  readonly template: Template;
  /** Placeholders that exist in KFP and cannot work here, by the name that users know. */
  readonly unsupported: readonly UnsupportedPlaceholder[];
  /** What begins like a placeholder and is none; it stays as it is, as on a cluster. */
  readonly unknown: readonly string[];
}

export interface UnsupportedPlaceholder {
  readonly placeholder: string;
  readonly feature: string;
}

const OPENING = "{{$";
const CLOSING = "}}";

const JOB_FIELDS: Readonly<Record<string, JobField>> = {
  ".pipeline_job_name": "jobName",
  ".pipeline_job_resource_name": "jobResourceName",
  ".pipeline_job_uuid": "jobId",
  ".pipeline_task_name": "taskName",
  ".pipeline_task_uuid": "taskId",
  ".pipeline_job_create_time_utc": "createTime",
  ".pipeline_job_schedule_time_utc": "scheduleTime",
  ".pipeline_root": "pipelineRoot",
};

const UNSUPPORTED: Readonly<Record<string, string>> = {
  ".workspace_path": "workspaces (dsl.WORKSPACE_PATH_PLACEHOLDER)",
  ".pipeline_google_cloud_project_id": "a placeholder that only Vertex AI fills in",
  ".pipeline_google_cloud_location": "a placeholder that only Vertex AI fills in",
  ".pipeline_persistent_resource_id": "a placeholder that only Vertex AI fills in",
};

// A name stands between quotes; some compilers wrote them doubled.
const NAME = `\\[(?:''([^'\\]]+)''|'([^']+)'|"([^"]+)")\\]`;
const INPUT_PARAMETER = new RegExp(`^\\.inputs\\.parameters${NAME}$`);
const OUTPUT_PARAMETER = new RegExp(`^\\.outputs\\.parameters${NAME}\\.output_file$`);
const ARTIFACT = new RegExp(
  `^\\.(inputs|outputs)\\.artifacts${NAME}(?:\\.(uri|path|metadata)(?:${NAME})?)?$`,
);

/**
 * Finds the placeholders of a text. What they stand for is never searched for more of them. One
 * that `isKnown` denies stays as it is.
 */
export function parseTemplate(
  text: string,
  isKnown: (piece: Piece) => boolean = () => true,
): ParsedTemplate {
  const template: Piece[] = [];
  const unsupported: UnsupportedPlaceholder[] = [];
  const unknown: string[] = [];
  let literalFrom = 0;
  let end = -1;
  for (let at = text.indexOf(OPENING), next = -1; at !== -1; at = next) {
    if (end < at) end = text.indexOf(CLOSING, at + OPENING.length);
    if (end === -1) break;
    // An opening before the closing: the placeholder, if there is one, begins there. Every part of
    // the text is looked at once, however many openings there are.
    next = text.indexOf(OPENING, at + OPENING.length);
    if (next !== -1 && next < end) continue;
    const body = text.slice(at + OPENING.length, end);
    const piece = parseBody(body);
    if (piece === undefined || !isKnown(piece)) {
      const placeholder = text.slice(at, end + CLOSING.length);
      const feature = Object.hasOwn(UNSUPPORTED, body) ? UNSUPPORTED[body] : undefined;
      if (feature !== undefined) unsupported.push({ placeholder, feature });
      else if (piece === undefined && body.startsWith(".")) unknown.push(placeholder);
      continue;
    }
    if (at > literalFrom) template.push({ kind: "literal", text: text.slice(literalFrom, at) });
    template.push(piece);
    literalFrom = end + CLOSING.length;
  }
  if (literalFrom < text.length || text === "") {
    template.push({ kind: "literal", text: text.slice(literalFrom) });
  }
  return { template, unsupported, unknown };
}

function parseBody(body: string): Piece | undefined {
  if (body === "") return { kind: "executorInput" };
  if (body === ".outputs.output_file" || body === ".outputMetadataUri") {
    return { kind: "executorOutputFile" };
  }
  if (Object.hasOwn(JOB_FIELDS, body)) {
    const field = JOB_FIELDS[body];
    if (field !== undefined) return { kind: "job", field };
  }
  const parameter = INPUT_PARAMETER.exec(body);
  if (parameter !== null) return { kind: "inputParameter", name: quoted(parameter, 1) };
  const file = OUTPUT_PARAMETER.exec(body);
  if (file !== null) return { kind: "outputParameterFile", name: quoted(file, 1) };
  const artifact = ARTIFACT.exec(body);
  return artifact === null ? undefined : artifactPiece(artifact);
}

function artifactPiece(match: RegExpExecArray): Piece | undefined {
  const field = match[5] ?? "record";
  const metadataKey = quoted(match, 6) || undefined;
  if (metadataKey !== undefined && field !== "metadata") return undefined;
  return {
    kind: match[1] === "inputs" ? "inputArtifact" : "outputArtifact",
    name: quoted(match, 2),
    field: field === "uri" || field === "path" || field === "metadata" ? field : "record",
    metadataKey,
  };
}

/** The one of three groups, by kind of quote, that matched. */
function quoted(match: RegExpExecArray, group: number): string {
  return match[group] ?? match[group + 1] ?? match[group + 2] ?? "";
}

/** Whether nothing has to be filled in. */
export function isLiteral(template: Template): boolean {
  return template.every((piece) => piece.kind === "literal");
}
