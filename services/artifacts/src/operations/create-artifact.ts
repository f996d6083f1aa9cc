import { StateError } from "@tidemill/errors";
import { appendEvents, type Sequencer } from "@tidemill/eventing";
import type { Clock, IdSource } from "@tidemill/lifecycle";
import {
  type Codec,
  type Database,
  type IdempotencyKey,
  once,
  type Queryable,
} from "@tidemill/postgres";
import {
  type Artifact,
  type ArtifactContent,
  type ArtifactDraft,
  createArtifact,
} from "../domain/artifact.ts";
import { artifactCreated } from "../events/published.ts";
import { insertArtifact } from "../store/artifacts.ts";
import { findBlob } from "../store/blobs.ts";
import { findTree } from "../store/trees.ts";

export interface CreateArtifactContext {
  readonly db: Database;
  readonly sequencer: Pick<Sequencer, "wake">;
  readonly clock: Clock;
  readonly ids: IdSource;
}

export interface RecordArtifact {
  readonly request: IdempotencyKey | undefined;
  readonly traceparent: string | undefined;
  readonly draft: ArtifactDraft;
}

/**
 * Records an artifact whose content is there already, so that nobody ever reads half of one. Throws
 * InvalidError BAD_METADATA, StateError CONTENT_MISSING.
 */
export async function recordArtifact(
  ctx: CreateArtifactContext,
  command: RecordArtifact,
): Promise<Artifact> {
  const artifact = await ctx.db.transaction((tx) =>
    once(tx, command.request, artifactCodec, async () => {
      const { draft } = command;
      const sizeBytes = await requireContent(tx, draft.namespace, draft.content);
      const facts = { id: ctx.ids.next(), now: ctx.clock.now(), sizeBytes };
      const created = createArtifact(draft, facts);
      const event = { id: ctx.ids.next(), traceparent: command.traceparent };
      await insertArtifact(tx, created);
      await appendEvents(tx, [artifactCreated(created, event)]);
      return created;
    }),
  );
  ctx.sequencer.wake();
  return artifact;
}

async function requireContent(
  tx: Queryable,
  namespace: string,
  content: ArtifactContent,
): Promise<number> {
  if (content.kind === "none") return 0;
  const found =
    content.kind === "blob"
      ? await findBlob(tx, namespace, content.digest)
      : await findTree(tx, namespace, content.digest);
  if (found !== undefined) return found.sizeBytes;
  const { kind, digest } = content;
  throw new StateError(
    "CONTENT_MISSING",
    `namespace "${namespace}" has no ${kind} ${digest}: create it before the artifact`,
    { metadata: { kind, digest } },
  );
}

const artifactCodec: Codec<Artifact> = {
  encode: (artifact) => Buffer.from(JSON.stringify(artifact)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString("utf8")),
};
