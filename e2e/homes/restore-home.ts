import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { databaseServices, homeLayout } from "@tidemill/mesh/home";
import { installedPostgres } from "@tidemill/mesh/servers";
import { withHomeDatabases } from "./home-databases.ts";
import { ARTIFACTS, DATABASES, homesDirectory, VERSION_FILE } from "./home-fixture.ts";

const PRIVATE = 0o700;

/**
 * Makes a released home again in an empty directory: its files as they were, its rows in databases
 * of today's PostgreSQL, new credentials. The broker's directory and the worker's are not there,
 * as if both had been lost.
 */
export async function restoreHome(release: string, home: string): Promise<void> {
  const folder = join(homesDirectory, release);
  const layout = homeLayout(home);
  for (const path of [home, layout.credentials, layout.postgres]) {
    mkdirSync(path, { recursive: true, mode: PRIVATE });
  }
  cpSync(join(folder, ARTIFACTS), layout.artifacts, { recursive: true });
  const version = JSON.parse(readFileSync(join(folder, VERSION_FILE), "utf8"));
  const { major: postgresMajor } = installedPostgres();
  writeFileSync(layout.version, `${JSON.stringify({ ...version, postgresMajor })}\n`);
  // Only those that there were: today's start has to make the others.
  const files = readdirSync(join(folder, DATABASES));
  const services = databaseServices.filter((service) => files.includes(`${service}.sql`));
  await withHomeDatabases(home, services, (service, database) =>
    database.execute(readFileSync(join(folder, DATABASES, `${service}.sql`), "utf8")),
  );
}
