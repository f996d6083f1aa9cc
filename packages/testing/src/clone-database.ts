import { createHash, randomBytes } from "node:crypto";
import pg from "pg";
import type { TestPostgres } from "./postgres.ts";

export interface Template {
  /** Whatever tells this template from others: two files with the same key share it. */
  readonly key: string;
  /** Fills the new, empty template; called once a server, whoever comes first. */
  readonly prepare: (url: string) => Promise<void>;
}

export interface ClonedDatabase {
  readonly name: string;
  readonly url: string;
  drop(): Promise<void>;
}

/** Any fixed number: the advisory lock under which templates are made. */
const TEMPLATE_LOCK = 7_210_511;
const NAME_HASH_LENGTH = 16;

/**
 * A new database cloned from a template, which takes a tenth of a second however many migrations
 * the template went through. Test files may race for the template.
 */
export async function cloneDatabase(
  server: TestPostgres,
  template: Template,
): Promise<ClonedDatabase> {
  const digest = createHash("sha256").update(template.key).digest("hex");
  const templateName = `template_${digest.slice(0, NAME_HASH_LENGTH)}`;
  const name = `test_${randomBytes(8).toString("hex")}`;
  await withClient(server.url, async (client) => {
    await client.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    await ensureTemplate(client, server, { ...template, name: templateName });
    await client.query(`create database ${name} template ${templateName}`);
  });
  return {
    name,
    url: databaseUrl(server, name),
    drop: () =>
      withClient(server.url, async (client) => {
        await client.query(`drop database if exists ${name} with (force)`);
      }),
  };
}

async function ensureTemplate(
  client: pg.Client,
  server: TestPostgres,
  template: Template & { readonly name: string },
): Promise<void> {
  const { name } = template;
  const found = await client.query("select 1 from pg_database where datname = $1", [name]);
  if (found.rowCount === 1) return;
  // Under another name until it is filled: a test run that dies here leaves no half template.
  const draft = `draft_${randomBytes(8).toString("hex")}`;
  await client.query(`create database ${draft}`);
  await template.prepare(databaseUrl(server, draft));
  await client.query(`alter database ${draft} rename to ${name}`);
}

async function withClient(url: string, fn: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await fn(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(server: TestPostgres, name: string): string {
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}
