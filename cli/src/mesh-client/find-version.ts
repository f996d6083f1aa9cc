import type { Client } from "@connectrpc/connect";
import { NotFoundError } from "@tidemill/errors";
import type { PipelineVersion } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import type { PipelineService } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";

export interface VersionQuery {
  readonly namespace: string;
  /** Name of the pipeline. */
  readonly pipeline: string;
  /** Name of the version; absent means the newest. */
  readonly version: string | undefined;
}

const PAGE_SIZE = 200;

/** A version of an uploaded pipeline. Throws NotFoundError. */
export async function findVersion(
  pipelines: Client<typeof PipelineService>,
  query: VersionQuery,
): Promise<PipelineVersion> {
  const { namespace } = query;
  const { pipeline } = await pipelines.getPipeline({
    namespace,
    key: { case: "name", value: query.pipeline },
  });
  if (pipeline === undefined) throw new NotFoundError("pipeline", query.pipeline);
  let pageToken = "";
  do {
    const page = await pipelines.listPipelineVersions({
      namespace,
      pipelineId: pipeline.id,
      pageSize: query.version === undefined ? 1 : PAGE_SIZE,
      pageToken,
    });
    const found =
      query.version === undefined
        ? page.versions[0]
        : page.versions.find((candidate) => candidate.name === query.version);
    if (found !== undefined) return found;
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && query.version !== undefined);
  throw new NotFoundError("pipeline version", query.version ?? `newest of ${query.pipeline}`);
}
