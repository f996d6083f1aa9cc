import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Database, MIGRATION_LEDGER_SQL, statement } from "@tidemill/postgres";
import { root } from "../src/root.ts";

interface TableRow {
  readonly name: string;
  /** Without those that only the cluster that wrote them can tell the meaning of. */
  readonly columns: readonly string[];
}

const selectTables = statement<TableRow>(
  "dump_tables",
  `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
   from pg_class c join pg_attribute a on a.attrelid = c.oid
   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
     and not c.relispartition and a.attnum > 0 and not a.attisdropped
     and a.atttypid <> 'xid8'::regtype
   group by c.oid, c.relname order by c.oid`,
);

const selectPartitions = statement<{
  readonly parent: string;
  readonly name: string;
  readonly bound: string;
  readonly options: string;
}>(
  "dump_partitions",
  `select p.relname as parent, c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound,
          coalesce('with (' || array_to_string(c.reloptions, ', ') || ')', '') as options
   from pg_inherits join pg_class c on c.oid = inhrelid join pg_class p on p.oid = inhparent
   where c.relkind = 'r' and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
   order by p.oid, c.relname`,
);

const selectSequences = statement<{ name: string }>(
  "dump_sequences",
  "select relname as name from pg_class where relkind = 'S'",
);

const selectLedger = statement<{ source: string; file: string; checksum: string }>(
  "dump_ledger",
  "select source, file, checksum from schema_migrations order by applied_at, source, number",
);

/**
 * SQL that makes an empty database into this one, to be run by its owner: the migrations as they
 * were applied, the partitions, the rows. What PostgreSQL's own pg_dump would do, which its npm
 * package does not bring. Transaction ids (`xid8`) are left to their defaults: they mean something
 * only in the cluster that gave them.
 */
export async function dumpDatabase(database: Database): Promise<string> {
  const sequences = (await database.query(selectSequences)).rows;
  if (sequences.length > 0) {
    throw new Error(`${sequences[0]?.name}: a dump has to keep the place of a sequence as well`);
  }
  const parts = [
    "-- Schema: the migrations as they were applied.",
    `${MIGRATION_LEDGER_SQL.trim()};`,
    ...(await appliedMigrations(database)),
    "-- Partitions that had been made.",
  ];
  for (const { parent, name, bound, options } of (await database.query(selectPartitions)).rows) {
    parts.push(`create table ${name} (like ${parent} including all) ${options};`);
    parts.push(`alter table ${parent} attach partition ${name} ${bound};`);
  }
  const tables = (await database.query(selectTables)).rows;
  parts.push("-- Rows; those that migrations made are replaced.");
  parts.push(`truncate ${tables.map(({ name }) => name).join(", ")};`);
  for (const table of tables) parts.push(...(await insertsOf(database, table)));
  return `${parts.join("\n")}\n`;
}

async function appliedMigrations(database: Database): Promise<string[]> {
  const { rows } = await database.query(selectLedger);
  return rows.map(({ source, file, checksum }) => {
    const owner = source === "postgres" || source === "eventing" ? "packages" : "services";
    const text = readFileSync(join(root, owner, source, "migrations", file), "utf8");
    if (createHash("sha256").update(text).digest("hex") === checksum) return text.trimEnd();
    throw new Error(`${owner}/${source}/migrations/${file} is not what was applied`);
  });
}

/** Every value as the text that its type reads back: exact for all types that are in use. */
async function insertsOf(database: Database, { name, columns }: TableRow): Promise<string[]> {
  const values = columns.map((column) => `quote_nullable(${column}::text)`).join(", ");
  const selectRows = statement<{ line: string }>(
    `dump_${name}`,
    `select '(' || concat_ws(', ', ${values}) || ')' as line from ${name} order by 1`,
  );
  const { rows } = await database.query(selectRows);
  if (rows.length === 0) return [];
  const lines = rows.map(({ line }) => line).join(",\n");
  return [`insert into ${name} (${columns.join(", ")}) values\n${lines};`];
}
