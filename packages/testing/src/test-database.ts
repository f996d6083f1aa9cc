import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createDatabase, type Database, type MigrationSource, migrate } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { cloneDatabase } from "./clone-database.ts";
import type { TestPostgres } from "./postgres.ts";

export interface TestDatabase {
  /** Password included. */
  readonly url: string;
  /** Started, with a small pool. */
  readonly database: Database;
  /** Stops the pool and drops the database, whoever else is still connected. */
  drop(): Promise<void>;
}

const POOL_MAX = 8;

/**
 * A database of the test's own that went through these migrations. The migrations really run once
 * a server; every further database is a clone of that template.
 */
export async function testDatabase(
  server: TestPostgres,
  migrations: readonly MigrationSource[],
): Promise<TestDatabase> {
  const clone = await cloneDatabase(server, {
    key: await keyOf(migrations),
    prepare: (url) => withDatabase(url, (database) => migrate(database, migrations, silentLogger)),
  });
  const database = createDatabase({ url: clone.url, poolMax: POOL_MAX, log: silentLogger });
  await database.start();
  return {
    url: clone.url,
    database,
    async drop() {
      await database.stop();
      await clone.drop();
    },
  };
}

async function withDatabase(url: string, fn: (database: Database) => Promise<void>): Promise<void> {
  const database = createDatabase({ url, poolMax: 1, log: silentLogger });
  await database.start();
  try {
    await fn(database);
  } finally {
    await database.stop();
  }
}

/** Names and texts of all files: a changed migration makes a new template. */
async function keyOf(migrations: readonly MigrationSource[]): Promise<string> {
  const parts: string[] = [];
  for (const { name, directory } of migrations) {
    for (const file of (await readdir(directory)).sort()) {
      parts.push(name, file, await readFile(join(directory, file), "utf8"));
    }
  }
  return JSON.stringify(parts);
}
