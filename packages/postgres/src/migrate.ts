import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { StateError } from "@tidemill/errors";
import type { Logger } from "@tidemill/telemetry";
import type { Database } from "./database.ts";
import type { Queryable } from "./queryable.ts";
import { statement } from "./statement.ts";

/** A folder of NNNN_name.sql files, numbered from 0001 without gaps. */
export interface MigrationSource {
  /** Stable: applied files are recorded under it. */
  readonly name: string;
  readonly directory: string;
}

interface Migration {
  readonly source: string;
  readonly number: number;
  readonly file: string;
  readonly sql: string;
  readonly checksum: string;
}

interface AppliedRow {
  readonly number: number;
  readonly file: string;
  readonly checksum: string;
}

/** One lock for all sources of a database, so that starters take turns. */
const LOCK_KEY = 7_164_390_112;

const filePattern = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** Makes the table that says which files were applied. */
export const MIGRATION_LEDGER_SQL = `
  create table if not exists schema_migrations (
    source text not null,
    number integer not null,
    file text not null,
    checksum text not null,
    applied_at timestamptz not null default now(),
    constraint schema_migrations_pkey primary key (source, number)
  )`;

const lockMigrations = statement("migrations_lock", "select pg_advisory_xact_lock($1)");

const selectApplied = statement<AppliedRow>(
  "migrations_applied",
  "select number, file, checksum from schema_migrations where source = $1 order by number",
);

const insertApplied = statement(
  "migrations_insert",
  "insert into schema_migrations (source, number, file, checksum) values ($1, $2, $3, $4)",
);

/**
 * Brings the schema up to date, forward only. Each file is a transaction under an advisory lock, so
 * that several starters may race. Throws StateError when the database is newer than this code or
 * when a file that was applied has changed since.
 */
export async function migrate(
  database: Database,
  sources: readonly MigrationSource[],
  log: Logger,
): Promise<void> {
  await database.transaction(
    async (tx) => {
      await tx.query(lockMigrations, [LOCK_KEY]);
      await tx.execute(MIGRATION_LEDGER_SQL);
    },
    { unlimited: true },
  );
  for (const source of sources) {
    const migrations = await readMigrations(source);
    const applied = await countApplied(database, source.name, migrations);
    for (const migration of migrations.slice(applied)) {
      if (await applyOne(database, migration, migrations)) {
        log.info("migration applied", { source: source.name, file: migration.file });
      }
    }
  }
}

/** Answers whether this starter applied it, and not another one meanwhile. */
async function applyOne(
  database: Database,
  migration: Migration,
  known: readonly Migration[],
): Promise<boolean> {
  return database.transaction(
    async (tx) => {
      await tx.query(lockMigrations, [LOCK_KEY]);
      const { source, number, file, sql, checksum } = migration;
      if ((await countApplied(tx, source, known)) >= number) return false;
      await tx.execute(sql);
      await tx.query(insertApplied, [source, number, file, checksum]);
      return true;
    },
    { unlimited: true },
  );
}

/** How many files were applied. Throws StateError when they are not those that are known here. */
async function countApplied(
  db: Queryable,
  source: string,
  known: readonly Migration[],
): Promise<number> {
  const { rows } = await db.query(selectApplied, [source]);
  for (const row of rows) {
    const migration = known[row.number - 1];
    if (migration === undefined) throw databaseNewer(source, row.file);
    if (migration.checksum !== row.checksum) throw migrationChanged(source, row, migration);
  }
  return rows.length;
}

function databaseNewer(source: string, file: string): StateError {
  return new StateError(
    "DATABASE_NEWER",
    `the database was migrated by a newer version (${source}/${file} is unknown here): ` +
      "start that version, or restore a backup",
    { metadata: { source, file } },
  );
}

function migrationChanged(source: string, row: AppliedRow, migration: Migration): StateError {
  return new StateError(
    "MIGRATION_CHANGED",
    `migration ${source}/${row.file} is not what was applied to the database ` +
      `(${migration.file} here): restore the file, and put the change into a new one`,
    { metadata: { source, file: row.file } },
  );
}

async function readMigrations(source: MigrationSource): Promise<Migration[]> {
  const files = (await readdir(source.directory)).filter((file) => file.endsWith(".sql")).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const number = Number(filePattern.exec(file)?.[1]);
      if (number !== index + 1) {
        throw new Error(`bug: ${source.name}/${file} is not migration ${index + 1} by its name`);
      }
      const sql = await readFile(join(source.directory, file), "utf8");
      const checksum = createHash("sha256").update(sql).digest("hex");
      return { source: source.name, number, file, sql, checksum };
    }),
  );
}
