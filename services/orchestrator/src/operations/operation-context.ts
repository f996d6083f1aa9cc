import type { Clock, IdSource } from "@tidemill/lifecycle";
import type { Database, IdempotencyKey, PageTokens } from "@tidemill/postgres";
import type { Engine } from "../engine/engine.ts";
import type { PlanCache } from "../engine/plan-cache.ts";
import type { ArtifactBlobs } from "../store/artifact-blobs.ts";

/** What operations work with. Each of them names the parts that it needs. */
export interface OperationContext {
  readonly database: Database;
  readonly engine: Engine;
  readonly plans: PlanCache;
  readonly blobs: ArtifactBlobs;
  readonly tokens: PageTokens;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** On whose behalf, and under which request id, something is changed. */
export interface Caller {
  readonly createdBy: string;
  readonly key: IdempotencyKey | undefined;
}
