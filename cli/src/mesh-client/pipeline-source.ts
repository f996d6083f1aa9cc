import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { messageOf } from "@tidemill/errors";
import type { PipelineSourceSchema } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../usage-error.ts";

export type PipelineSource = MessageInitShape<typeof PipelineSourceSchema>;

/** What fits into a message; larger specifications go to the artifact service first. */
const INLINE_BYTES_MAX = 32 * 1024 * 1024;
const SPEC_BYTES_MAX = 256 * 1024 * 1024;

/** A compiled pipeline as the requests take it. */
export async function readSource(context: CommandContext, file: string): Promise<PipelineSource> {
  const spec = await readSpec(resolve(context.cwd, file), file);
  if (spec.byteLength <= INLINE_BYTES_MAX) return { source: { case: "spec", value: spec } };
  if (spec.byteLength > SPEC_BYTES_MAX) {
    const limit = `${SPEC_BYTES_MAX / 1024 / 1024} MiB`;
    throw usageError(`${file} has ${spec.byteLength} bytes; a specification has at most ${limit}`);
  }
  const { putBlob } = await import("./artifact-bytes.ts");
  const { artifactsHttp } = await context.address();
  return { source: { case: "specDigest", value: await putBlob(artifactsHttp, spec) } };
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
