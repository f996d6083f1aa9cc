import type { Client } from "@connectrpc/connect";
import type { Artifact } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";

const PAGE_SIZE = 200;

/** Every artifact that a run made, oldest first. */
export async function listRunArtifacts(
  artifacts: Client<typeof ArtifactService>,
  namespace: string,
  runId: string,
): Promise<Artifact[]> {
  const found: Artifact[] = [];
  let pageToken = "";
  do {
    const page = await artifacts.listArtifacts({
      namespace,
      runId,
      pageToken,
      pageSize: PAGE_SIZE,
    });
    found.push(...page.artifacts);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found.reverse();
}
