import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { messageOf } from "@tidemill/errors";
import type { PipelineSourceSchema } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../usage-error.ts";

export type PipelineSource = MessageInitShape<typeof PipelineSourceSchema>;

/** What a request may carry; larger specifications go to the artifact service first. */
export const INLINE_BYTES_MAX = 32 * 1024 * 1024;
const SPEC_BYTES_MAX = 256 * 1024 * 1024;

/** From here on a specification takes its time to be read and checked, most of all as YAML. */
const LARGE_BYTES_MIN = 1024 * 1024;
const LARGE_TIMEOUT_MS = 10 * 60_000;

/** For calls that make the mesh read a specification of that size. */
export function timeoutFor(sizeBytes: number): { readonly timeoutMs?: number } {
  return sizeBytes < LARGE_BYTES_MIN ? {} : { timeoutMs: LARGE_TIMEOUT_MS };
}

/** What a request carries of a compiled pipeline, and how large that is. */
export interface ReadPipeline {
  readonly source: PipelineSource;
  readonly sizeBytes: number;
}

/** A compiled pipeline as the requests take it; `-` is standard input. */
export async function readSource(
  context: Pick<CommandContext, "cwd" | "namespace" | "readStdin" | "address">,
  file: string,
): Promise<ReadPipeline> {
  const spec =
    file === "-" ? await context.readStdin() : await readSpec(resolve(context.cwd, file), file);
  const sizeBytes = spec.byteLength;
  if (sizeBytes <= INLINE_BYTES_MAX) {
    return { source: { source: { case: "spec", value: spec } }, sizeBytes };
  }
  if (sizeBytes > SPEC_BYTES_MAX) {
    const limit = `${SPEC_BYTES_MAX / 1024 / 1024} MiB`;
    throw usageError(`${file} has ${sizeBytes} bytes; a specification has at most ${limit}`);
  }
  const { putBlob } = await import("./artifact-bytes.ts");
  const { artifactsHttp } = await context.address();
  const place = { artifactsHttp, namespace: context.namespace };
  const digest = await putBlob(place, spec);
  return { source: { source: { case: "specDigest", value: digest } }, sizeBytes };
}

async function readSpec(path: string, file: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const hint = file.endsWith(".py")
      ? ""
      : "; compile a pipeline with: kfp dsl compile --py pipeline.py --output pipeline.yaml";
    throw usageError(`cannot read ${file}: ${messageOf(cause)}${hint}`);
  }
}
