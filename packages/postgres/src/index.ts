import { fileURLToPath } from "node:url";
import type { MigrationSource } from "./migrate.ts";

export type { DatabaseOptions } from "./database.ts";
export { type ConnectionSettings, createDatabase, type Database } from "./database.ts";
export { createGroupCommit, type GroupCommit, type GroupCommitOptions } from "./group-commit.ts";
export { createLeadership, type LeadershipOptions } from "./leadership.ts";
export { isConnectionLoss, mapError, onUnique } from "./map-error.ts";
export { MIGRATION_LEDGER_SQL, type MigrationSource, migrate } from "./migrate.ts";
export * from "./once.ts";
export * from "./page.ts";
export * from "./page-request.ts";
export * from "./page-tokens.ts";
export * from "./partition-keeper.ts";
export { type Granularity, uuidFloor } from "./partition-period.ts";
export * from "./partitions.ts";
export type * from "./queryable.ts";
export { type Statement, statement } from "./statement.ts";

/** The tables that `once` needs. Comes first in every service's list of sources. */
export const postgresMigrations: MigrationSource = {
  name: "postgres",
  directory: fileURLToPath(new URL("../migrations", import.meta.url)),
};
