import { once } from "@tidemill/postgres";
import type { Warning } from "../domain/journal-event.ts";
import { versionName } from "../domain/names.ts";
import { ensureNamespace, insertPipeline, insertPipelineVersion } from "../store/pipeline-store.ts";
import type { PipelineRecord, PipelineVersionRecord } from "../store/records.ts";
import { ensureSpec } from "../store/spec-store.ts";
import { jsonCodec } from "./json-codec.ts";
import type { Caller, OperationContext } from "./operation-context.ts";
import { readSource, type SpecSource, specRecordOf } from "./read-source.ts";

export interface UploadPipeline {
  readonly namespace: string;
  /** `""` means the name inside the specification. */
  readonly name: string;
  readonly description: string;
  /** `""` means `v1`. */
  readonly versionName: string;
  readonly source: SpecSource;
}

export interface UploadedPipeline {
  readonly pipeline: PipelineRecord;
  readonly version: PipelineVersionRecord;
  readonly warnings: readonly Warning[];
}

type UploadContext = Pick<OperationContext, "database" | "blobs" | "clock" | "ids">;

/** Creates a pipeline with its first version. Throws AlreadyExistsError for a taken name. */
export async function uploadPipeline(
  context: UploadContext,
  command: UploadPipeline,
  { createdBy, key }: Caller,
): Promise<UploadedPipeline> {
  const source = await readSource(context, command.source);
  const spec = await specRecordOf(context, source);
  const createdAt = context.clock.now();
  const { namespace, description } = command;
  const by = { createdBy, createdAt };
  const name = command.name || source.pipelineName;
  const pipeline = { id: context.ids.next(), namespace, name, description, ...by };
  const version = {
    id: context.ids.next(),
    pipelineId: pipeline.id,
    namespace,
    name: command.versionName || versionName(1),
    description: "",
    specDigest: spec.digest,
    specSizeBytes: spec.sizeBytes,
    pipelineName: spec.pipelineName,
    ...by,
  };
  return context.database.transaction((tx) =>
    once(tx, key, jsonCodec<UploadedPipeline>(), async () => {
      await ensureNamespace(tx, namespace, by);
      await ensureSpec(tx, spec);
      await insertPipeline(tx, pipeline);
      await insertPipelineVersion(tx, version);
      return { pipeline, version, warnings: source.warnings };
    }),
  );
}
