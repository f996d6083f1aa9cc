import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, StateError } from "@tidemill/errors";
import { copyPostgres, installedPostgres } from "../servers/postgres-binaries.ts";
import { initPostgres, type PostgresSite, runSingleUser } from "../servers/postgres-server.ts";
import { canEnter, postgresUser } from "../servers/postgres-user.ts";
import type { UnixUser } from "../servers/process-plan.ts";
import {
  type Credentials,
  type DatabaseService,
  databaseServices,
  readSecret,
} from "./credentials.ts";
import type { HomeLayout } from "./home-layout.ts";
import { writeFileDurably } from "./write-file-durably.ts";

/** Where a root's Postgres may keep its data, most durable first. */
const OUTSIDE_PARENTS = ["/var/lib/tidemill", "/var/tmp"];
const TRAVERSABLE = 0o711;
const PRIVATE = 0o700;

/** The directory outside the home that holds its database, recorded in the home. */
interface Location {
  readonly directory: string;
}

/**
 * The Postgres of a home, initialised, with a role and a database for each of the services; what is
 * there stays as it is. Where we are root and the Postgres user cannot enter the home, the data
 * and, if need be, a copy of the binaries lie in a directory of that user's outside it.
 */
export async function preparePostgres(
  layout: HomeLayout,
  credentials: Credentials,
  services: readonly DatabaseService[] = databaseServices,
): Promise<PostgresSite> {
  const user = postgresUser();
  const directory = await postgresDirectory(layout, user);
  const installed = installedPostgres();
  const binaries = canEnter(installed.root, user)
    ? installed
    : await copyPostgres(installed, directory);
  const site: PostgresSite = {
    binaries,
    data: join(directory, "data"),
    user,
    env: { TIDEMILL_HOME: layout.root },
  };
  await initPostgres(site, await readSecret(credentials.postgresSuperuser), { fsync: true });
  await ensureDatabases(layout, site, { credentials, services });
  return site;
}

/** Where the database of a home lies: in it, or where it was put outside. */
export async function findPostgresDirectory(layout: HomeLayout): Promise<string> {
  return (await readLocation(layout))?.directory ?? layout.postgres;
}

async function postgresDirectory(layout: HomeLayout, user: UnixUser | undefined): Promise<string> {
  const recorded = await readLocation(layout);
  if (recorded !== undefined) {
    if (existsSync(recorded.directory)) return recorded.directory;
    throw new StateError(
      "DATABASE_GONE",
      `the database of ${layout.root} lay in ${recorded.directory}, which is gone: ` +
        "restore that directory, or start with another home",
    );
  }
  if (existsSync(join(layout.postgres, "data")) || canEnter(layout.postgres, user)) {
    return layout.postgres;
  }
  const directory = await makeOutside(layout, user);
  await writeFileDurably(locationPath(layout), `${JSON.stringify({ directory })}\n`);
  return directory;
}

async function makeOutside(layout: HomeLayout, user: UnixUser | undefined): Promise<string> {
  const name = `tidemill-postgres-${randomBytes(6).toString("hex")}`;
  const failures: string[] = [];
  for (const parent of [dirname(layout.root), ...OUTSIDE_PARENTS]) {
    try {
      await mkdir(parent, { recursive: true, mode: TRAVERSABLE });
      if (!canEnter(parent, user)) throw new Error(`${user?.name} cannot enter it`);
      const directory = join(parent, name);
      await mkdir(directory, { mode: PRIVATE });
      await chmod(directory, PRIVATE);
      await writeFileDurably(join(directory, "home"), `${layout.root}\n`);
      if (user !== undefined) await chown(directory, user.uid, user.gid);
      return directory;
    } catch (error) {
      failures.push(`${parent}: ${messageOf(error)}`);
    }
  }
  throw new StateError(
    "NO_DATABASE_DIRECTORY",
    `no directory was found where the user ${user?.name} can keep the database (` +
      `${failures.join("; ")}): start as another user than root`,
  );
}

async function readLocation(layout: HomeLayout): Promise<Location | undefined> {
  const path = locationPath(layout);
  return existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : undefined;
}

function locationPath(layout: HomeLayout): string {
  return join(layout.postgres, "location.json");
}

/** The list of prepared databases spares a start the look into a server that is not up yet. */
async function ensureDatabases(
  layout: HomeLayout,
  site: PostgresSite,
  wanted: { readonly credentials: Credentials; readonly services: readonly DatabaseService[] },
): Promise<void> {
  const path = join(layout.postgres, "databases.json");
  const prepared: string[] = existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : [];
  const missing = wanted.services.filter((service) => !prepared.includes(service));
  if (missing.length === 0) return;
  const statements: string[] = [];
  for (const service of missing) {
    const name = databaseName(service);
    const password = await readSecret(wanted.credentials.postgres[service]);
    statements.push(
      `create role ${name} login`,
      `alter role ${name} password '${password}'`,
      `create database ${name} owner ${name}`,
      `revoke connect, temporary on database ${name} from public`,
    );
  }
  await runSingleUser(site, statements);
  await writeFileDurably(path, `${JSON.stringify([...prepared, ...missing])}\n`);
}

/** Role and database of a service carry one name. */
export function databaseName(service: string): string {
  return `tidemill_${service}`;
}
