import type { Queryable } from "@tidemill/postgres";
import type { EdgeRequest, EdgeResponse } from "@tidemill/rpc";
import type { Logger } from "@tidemill/telemetry";
import type { KeepBlobContext } from "../operations/keep-blob.ts";
import type { BlobMetrics } from "./blob-metrics.ts";

export interface BlobRoutesContext extends KeepBlobContext {
  readonly db: Queryable;
  readonly log: Logger;
  readonly metrics: BlobMetrics;
}

/** One request for bytes, with what its URL and headers say. */
export interface BlobRequest {
  readonly request: EdgeRequest;
  readonly response: EdgeResponse;
  readonly namespace: string;
  readonly caller: string;
  /** From the path; undefined for `POST /v1/blobs`. */
  readonly digest: string | undefined;
}
