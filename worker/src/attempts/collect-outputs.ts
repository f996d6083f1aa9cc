import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { messageOf, StateError } from "@tidemill/errors";
import type {
  ArtifactValue,
  ArtifactValueSchema,
  StartAttempt,
  ValueSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Remark } from "../runners/runner.ts";
import type { UploadedContent } from "./artifact-store.ts";
import type { AttemptLayout } from "./executor-input.ts";
import { customPathOf, type LocalDirectories, localPathOf } from "./local-paths.ts";
import { isObject, type LosslessValue, parseLossless } from "./lossless-json.ts";
import { checkParameterValue, parseParameterFile } from "./output-values.ts";

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
const READ_AT_ONCE_BYTES_MAX = 1024 * 1024;
const OUTPUT_FILE_BYTES_MAX = 256 * 1024 * 1024;
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

/**
 * Takes what a task that succeeded has left: its executor output, which wins, then its files.
 * Throws StateError OUTPUT_MISSING or OUTPUT_INVALID, InvalidError ARTIFACT_PATH_INVALID.
 */
export async function collectOutputs(collecting: Collecting): Promise<Outputs> {
  const { start } = collecting;
  const written = await readExecutorOutput(collecting.layout.executorOutputFile);
  const [parameters, artifacts] = await Promise.all([
    Promise.all(
      Object.entries(start.outputParameterTypes).map(([name, type]) =>
        collectParameter(collecting, name, type, memberOf(written, "parameterValues", name)),
      ),
    ),
    Promise.all(
      Object.entries(start.outputArtifacts).map(async ([name, { artifacts: declared }]) => {
        const list = memberOf(memberOf(written, "artifacts", name), "artifacts");
        const merged = await Promise.all(
          declared.map((one, index) =>
            collectArtifact(
              collecting,
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

async function readExecutorOutput(path: string): Promise<LosslessValue | undefined> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (found.size > OUTPUT_FILE_BYTES_MAX) {
    throw invalidOutput(
      `it has ${found.size} bytes, and at most ${OUTPUT_FILE_BYTES_MAX} are read`,
    );
  }
  // It was written a moment ago: reading it here is faster than having it read elsewhere.
  const isSmall = found.size <= READ_AT_ONCE_BYTES_MAX;
  const text = isSmall ? readFileSync(path, "utf8") : await readFile(path, "utf8");
  if (text.trim() === "") return undefined;
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
  { start, layout, sink }: Collecting,
  name: string,
  type: string,
  returned: LosslessValue | undefined,
): Promise<[string, MessageInitShape<typeof ValueSchema>] | undefined> {
  let json: string;
  if (returned !== undefined && returned !== null) {
    json = checkParameterValue(name, type, returned);
  } else {
    const file = layout.parameterFiles.get(name) ?? "";
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) {
      if (start.optionalOutputs.includes(name)) return undefined;
      throw new StateError(
        "OUTPUT_MISSING",
        `the task ended well but wrote no output parameter "${name}"`,
      );
    }
    json = parseParameterFile(name, type, text);
  }
  if (Buffer.byteLength(json) <= INLINE_BYTES_MAX) {
    return [name, { value: { case: "json", value: json } }];
  }
  const { digest, sizeBytes } = await sink.putText(json);
  return [name, { value: { case: "blob", value: { digest, sizeBytes: BigInt(sizeBytes) } } }];
}

async function collectArtifact(
  { directories, sink }: Collecting,
  output: string,
  index: number,
  declared: ArtifactValue,
  written: LosslessValue | undefined,
): Promise<MessageInitShape<typeof ArtifactValueSchema>> {
  const uri = textOf(memberOf(written, "uri")) || declared.uri;
  const name = textOf(memberOf(written, "name")) || declared.name;
  const metadata = memberOf(written, "metadata");
  const metadataJson = isObject(metadata) ? JSON.stringify(metadata) : declared.metadataJson;
  const customPath = textOf(memberOf(written, "custom_path"));
  const path =
    customPath === ""
      ? localPathOf(uri, directories, declared.schemaTitle)
      : customPathOf(customPath, directories, TEMPORARY);
  const content = await sink.upload(path, output, index);
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
