import type { CallOptions, Client } from "@connectrpc/connect";
import { AlreadyExistsError, NotFoundError } from "@tidemill/errors";
import type {
  PipelineVersion,
  Warning,
} from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import type { PipelineService } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import type { PipelineSource } from "./pipeline-source.ts";

export interface PipelineToKeep {
  readonly namespace: string;
  readonly requestId: string;
  /** `""` means the name inside the specification. */
  readonly name: string;
  /** `""` means the next one: `v1`, `v2`. */
  readonly version: string;
  readonly description: string;
  readonly source: PipelineSource;
}

export interface KeptVersion {
  readonly version: PipelineVersion;
  /** What its pipeline is called. */
  readonly pipeline: string;
  readonly warnings: readonly Warning[];
}

/**
 * Keeps a specification: as a new pipeline, or as a new version of the one that has its name. Only
 * the mesh knows the name inside the specification, so a new pipeline is what is tried first.
 */
export async function keepPipeline(
  pipelines: Pick<
    Client<typeof PipelineService>,
    "getPipeline" | "uploadPipeline" | "uploadPipelineVersion"
  >,
  { name, version, ...same }: PipelineToKeep,
  callOptions: CallOptions,
): Promise<KeptVersion> {
  try {
    const request = { ...same, name, versionName: version };
    const answer = await pipelines.uploadPipeline(request, callOptions);
    return keptAs(answer.pipeline?.name ?? name, answer);
  } catch (error) {
    const taken = takenName(error);
    if (taken === undefined) throw error;
    const { pipeline } = await pipelines.getPipeline({
      namespace: same.namespace,
      key: { case: "name", value: taken },
    });
    const request = { ...same, pipelineId: pipeline?.id ?? "", name: version };
    return keptAs(taken, await pipelines.uploadPipelineVersion(request, callOptions));
  }
}

function keptAs(
  pipeline: string,
  answer: { readonly version?: PipelineVersion | undefined; readonly warnings: readonly Warning[] },
): KeptVersion {
  if (answer.version === undefined) throw new NotFoundError("pipeline version", "just uploaded");
  return { version: answer.version, pipeline, warnings: answer.warnings };
}

/** The name of the pipeline that is there already, when that is what went wrong. */
function takenName(error: unknown): string | undefined {
  if (!(error instanceof AlreadyExistsError) || error.metadata.kind !== "pipeline")
    return undefined;
  return error.metadata.id;
}
