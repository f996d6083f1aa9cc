import type { Clock } from "@tidemill/lifecycle";
import { createGroupCommit, type Database, type GroupCommit } from "@tidemill/postgres";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import type { LogKey } from "../domain/log.ts";
import { type BlobRecord, insertBlobs } from "./blobs.ts";
import { insertLogs } from "./logs.ts";

interface WriterParts {
  readonly database: Database;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/** Rows of many uploads in few commits. */
export function createBlobRows(parts: WriterParts): GroupCommit<BlobRecord, undefined> {
  return createGroupCommit<BlobRecord, undefined>({
    name: "blob_rows",
    ...parts,
    // Two batches never hold the same row, so they cannot wait for each other.
    orderKey: (blob) => `${blob.namespace}/${blob.digest}`,
    write: async (tx, records) => {
      await insertBlobs(tx, records);
      return records.map(() => undefined);
    },
  });
}

/** Rows of logs that begin at about the same time, in few commits. */
export function createLogRows(
  parts: WriterParts & { readonly clock: Clock },
): GroupCommit<LogKey, undefined> {
  const { clock, ...rest } = parts;
  return createGroupCommit<LogKey, undefined>({
    name: "log_rows",
    ...rest,
    orderKey: (key) => `${key.runId}/${key.taskId}`,
    write: async (tx, keys) => {
      await insertLogs(tx, keys, clock.now());
      return keys.map(() => undefined);
    },
  });
}
