import { tmpdir } from "node:os";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { InvalidError, messageOf, StateError } from "@tidemill/errors";
import type {
  ArtifactValue,
  ArtifactValueSchema,
  StartAttempt,
  ValueSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Remark } from "../runners/runner.ts";
import type { UploadedContent } from "./artifact-store.ts";
import type { AttemptLayout } from "./executor-input.ts";
import { customPathOf, isInside, type LocalDirectories, localPathOf } from "./local-paths.ts";
import { isObject, type LosslessValue, parseLossless } from "./lossless-json.ts";
import { checkParameterValue, parseParameterFile } from "./output-values.ts";
import { followLinks, readTaskText } from "./task-files.ts";

export interface Outputs {
  readonly parameters: Readonly<Record<string, MessageInitShape<typeof ValueSchema>>>;
  readonly artifacts: Readonly<
    Record<string, { readonly artifacts: MessageInitShape<typeof ArtifactValueSchema>[] }>
  >;
}

/** Where outputs go; the attempt's own calls to the artifact service. */
export interface OutputSink {
  onWarning(remark: Remark): void;
  /** Stores a value's JSON text as a blob. */
  putText(json: string): Promise<{ readonly digest: string; readonly sizeBytes: number }>;
  /** Uploads what lies at a path; undefined when nothing does. */
  upload(path: string, output: string, index: number): Promise<UploadedContent | undefined>;
  /** Records an artifact; returns its id. */
  record(artifact: RecordedArtifact, output: string, index: number): Promise<string>;
}

export interface RecordedArtifact {
  readonly declared: ArtifactValue;
  readonly uri: string;
  readonly metadataJson: string;
  readonly content: UploadedContent | undefined;
}

/** A value above this travels as a blob. */
const INLINE_BYTES_MAX = 64 * 1024;
/** What all inline values of one report may add up to: the rest travels as blobs too. */
const INLINE_TOTAL_BYTES_MAX = 4 * 1024 * 1024;
/** As much as CreateArtifact takes. */
const METADATA_BYTES_MAX = 512 * 1024;
/** These often are all metadata and no file. */
const FILELESS_TYPES: ReadonlySet<string> = new Set([
  "system.Metrics",
  "system.ClassificationMetrics",
  "system.SlicedClassificationMetrics",
]);
const TEMPORARY = [tmpdir(), "/tmp", "/var/tmp"];

interface Collecting {
  readonly start: StartAttempt;
  readonly layout: AttemptLayout;
  readonly directories: LocalDirectories;
  readonly sink: OutputSink;
}

interface Collection extends Collecting {
  /** Whatever an output leads to must be in one of these. */
  readonly roots: readonly string[];
  inlineBytesLeft: number;
}

/**
 * Takes what a task that succeeded has left: its executor output, which wins, then its files.
 * Throws StateError OUTPUT_MISSING or OUTPUT_INVALID, InvalidError ARTIFACT_PATH_INVALID.
 */
export async function collectOutputs(collecting: Collecting): Promise<Outputs> {
  const { start, directories } = collecting;
  const { mounts, work } = directories;
  const collection: Collection = {
    ...collecting,
    roots: [mounts, work, localPathOf(start.taskRootUri, directories), ...TEMPORARY],
    inlineBytesLeft: INLINE_TOTAL_BYTES_MAX,
  };
  const written = await readExecutorOutput(collection);
  const [parameters, artifacts] = await Promise.all([
    Promise.all(
      Object.entries(start.outputParameterTypes).map(([name, type]) =>
        collectParameter(collection, name, type, memberOf(written, "parameterValues", name)),
      ),
    ),
    Promise.all(
      Object.entries(start.outputArtifacts).map(async ([name, { artifacts: declared }]) => {
        const list = memberOf(memberOf(written, "artifacts", name), "artifacts");
        const merged = await Promise.all(
          declared.map((one, index) =>
            collectArtifact(
              collection,
              name,
              index,
              one,
              Array.isArray(list) ? list[index] : undefined,
            ),
          ),
        );
        return [name, { artifacts: merged }] as const;
      }),
    ),
  ]);
  return {
    parameters: Object.fromEntries(parameters.filter((entry) => entry !== undefined)),
    artifacts: Object.fromEntries(artifacts),
  };
}

async function readExecutorOutput({
  layout,
  roots,
}: Collection): Promise<LosslessValue | undefined> {
  const text = await readTaskText(layout.executorOutputFile, roots);
  if (text === undefined || text.trim() === "") return undefined;
  let parsed: LosslessValue;
  try {
    parsed = parseLossless(text);
  } catch (error) {
    throw invalidOutput(messageOf(error));
  }
  if (!isObject(parsed)) throw invalidOutput("it must be an object");
  return parsed;
}

async function collectParameter(
  collection: Collection,
  name: string,
  type: string,
  returned: LosslessValue | undefined,
): Promise<[string, MessageInitShape<typeof ValueSchema>] | undefined> {
  const { start, layout, sink, roots } = collection;
  let json: string;
  if (returned !== undefined && returned !== null) {
    json = checkParameterValue(name, type, returned);
  } else {
    const file = layout.parameterFiles.get(name) ?? "";
    const text = await readTaskText(file, roots);
    if (text === undefined) {
      if (start.optionalOutputs.includes(name)) return undefined;
      throw new StateError(
        "OUTPUT_MISSING",
        `the task ended well but wrote no output parameter "${name}"`,
      );
    }
    json = parseParameterFile(name, type, text);
  }
  const bytes = Buffer.byteLength(json);
  if (bytes <= Math.min(INLINE_BYTES_MAX, collection.inlineBytesLeft)) {
    collection.inlineBytesLeft -= bytes;
    return [name, { value: { case: "json", value: json } }];
  }
  const { digest, sizeBytes } = await sink.putText(json);
  return [name, { value: { case: "blob", value: { digest, sizeBytes: BigInt(sizeBytes) } } }];
}

async function collectArtifact(
  collection: Collection,
  output: string,
  index: number,
  declared: ArtifactValue,
  written: LosslessValue | undefined,
): Promise<MessageInitShape<typeof ArtifactValueSchema>> {
  const { sink } = collection;
  const uri = textOf(memberOf(written, "uri")) || declared.uri;
  const name = textOf(memberOf(written, "name")) || declared.name;
  const metadata = memberOf(written, "metadata");
  const metadataJson = isObject(metadata) ? JSON.stringify(metadata) : declared.metadataJson;
  requireRecordable(output, metadataJson);
  const path = contentPathOf(collection, { ...declared, uri }, written);
  const content = path === undefined ? undefined : await sink.upload(path, output, index);
  const named: ArtifactValue = { ...declared, name };
  if (content === undefined && !FILELESS_TYPES.has(declared.schemaTitle) && uri === declared.uri) {
    sink.onWarning({
      code: "ARTIFACT_EMPTY",
      message: `output artifact "${output}" was recorded without content: nothing was written to its path`,
    });
  }
  const id = await sink.record({ declared: named, uri, metadataJson, content }, output, index);
  const { digest = "", tree = false, sizeBytes = 0 } = content ?? {};
  return { ...named, id, uri, metadataJson, digest, tree, sizeBytes: BigInt(sizeBytes) };
}

/** Where an output's content lies; undefined when there is none, or none of the task's own. */
function contentPathOf(
  { directories, roots }: Collection,
  { uri, schemaTitle }: ArtifactValue,
  written: LosslessValue | undefined,
): string | undefined {
  const customPath = textOf(memberOf(written, "custom_path"));
  const path =
    customPath === ""
      ? localPathOf(uri, directories, schemaTitle)
      : customPathOf(customPath, directories, TEMPORARY);
  // An address elsewhere on this machine names what lies there; it does not hand it over.
  if (!roots.some((root) => isInside(path, root))) return undefined;
  return followLinks(path, roots) === undefined ? undefined : path;
}

function requireRecordable(output: string, metadataJson: string): void {
  const bytes = Buffer.byteLength(metadataJson);
  if (bytes <= METADATA_BYTES_MAX) return;
  throw new InvalidError(
    "METADATA_TOO_LARGE",
    `the metadata of output artifact "${output}" has ${bytes} bytes, and at most ` +
      `${METADATA_BYTES_MAX} are kept: write it to the artifact's file`,
  );
}

function memberOf(value: LosslessValue | undefined, ...path: string[]): LosslessValue | undefined {
  let found = value;
  for (const name of path) {
    if (!isObject(found) || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return found;
}

function textOf(value: LosslessValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function invalidOutput(problem: string): StateError {
  return new StateError("OUTPUT_INVALID", `the executor output cannot be read: ${problem}`);
}
