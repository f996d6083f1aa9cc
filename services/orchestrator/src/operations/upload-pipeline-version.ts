import { once } from "@tidemill/postgres";
import type { Warning } from "../domain/journal-event.ts";
import { insertPipelineVersion, loadPipeline, nextVersionName } from "../store/pipeline-store.ts";
import type { PipelineVersionRecord } from "../store/records.ts";
import { ensureSpec } from "../store/spec-store.ts";
import { jsonCodec } from "./json-codec.ts";
import type { Caller, OperationContext } from "./operation-context.ts";
import { readSource, type SpecSource, specRecordOf } from "./read-source.ts";

export interface UploadPipelineVersion {
  readonly namespace: string;
  readonly pipelineId: string;
  /** `""` means `v<n>`, the next one. */
  readonly name: string;
  readonly description: string;
  readonly source: SpecSource;
}

export interface UploadedPipelineVersion {
  readonly version: PipelineVersionRecord;
  readonly warnings: readonly Warning[];
}

type UploadContext = Pick<OperationContext, "database" | "blobs" | "clock" | "ids">;

/** Adds a version to a pipeline. Throws NotFoundError, or AlreadyExistsError for its name. */
export async function uploadPipelineVersion(
  context: UploadContext,
  command: UploadPipelineVersion,
  { createdBy, key }: Caller,
): Promise<UploadedPipelineVersion> {
  const source = await readSource(context, command.source);
  const spec = await specRecordOf(context, source);
  const { namespace, description } = command;
  return context.database.transaction((tx) =>
    once(tx, key, jsonCodec<UploadedPipelineVersion>(), async () => {
      const pipeline = await loadPipeline(tx, namespace, { kind: "id", id: command.pipelineId });
      const version = {
        id: context.ids.next(),
        pipelineId: pipeline.id,
        namespace,
        name: command.name || (await nextVersionName(tx, pipeline.id)),
        description,
        specDigest: spec.digest,
        specSizeBytes: spec.sizeBytes,
        pipelineName: spec.pipelineName,
        createdBy,
        createdAt: context.clock.now(),
      };
      await ensureSpec(tx, spec);
      await insertPipelineVersion(tx, version);
      return { version, warnings: source.warnings };
    }),
  );
}
