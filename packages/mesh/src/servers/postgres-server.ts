import { existsSync } from "node:fs";
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { StateError, UnavailableError } from "@tidemill/errors";
import { wait } from "@tidemill/lifecycle";
import { linkLibraries, type PostgresBinaries } from "./postgres-binaries.ts";
import {
  initdbArguments,
  POSTGRES_HBA,
  type PostgresTuning,
  postgresConf,
} from "./postgres-settings.ts";
import { type ProcessPlan, runPlan, type UnixUser } from "./process-plan.ts";

export interface PostgresSite {
  readonly binaries: PostgresBinaries;
  /** The database directory. Its parent must be writable for `user`. */
  readonly data: string;
  readonly user?: UnixUser | undefined;
  /** Variables that every process of this server carries (TIDEMILL_HOME). */
  readonly env: Readonly<Record<string, string>>;
}

const READY_POLL_MS = 10;
const STATUS_LINE = 7;

/**
 * Makes the database directory unless it is there already. A directory appears under its name only
 * when it is complete, so an initdb that was killed is simply repeated.
 */
export async function initPostgres(
  site: PostgresSite,
  password: string,
  { fsync }: Pick<PostgresTuning, "fsync">,
): Promise<void> {
  if (existsSync(site.data)) return;
  const partial = `${site.data}.partial`;
  const passwordFile = `${site.data}.password`;
  await linkLibraries(site.binaries.root);
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(site.data), { recursive: true });
  await writeOwned(passwordFile, password, site.user);
  const result = await runPlan({
    ...basePlan(site),
    name: "initdb",
    argv: initdbArguments(site.binaries, { data: partial, passwordFile }, fsync),
  });
  await rm(passwordFile, { force: true });
  if (result.code !== 0) {
    await rm(partial, { recursive: true, force: true });
    throw new StateError(
      "POSTGRES_INIT_FAILED",
      `initdb failed for ${site.data}: ${lastLines(result.stderr)}`,
    );
  }
  await rename(partial, site.data);
}

/** Writes the settings of this start and returns the process to start. */
export async function planPostgres(
  site: PostgresSite,
  tuning: PostgresTuning,
): Promise<ProcessPlan> {
  await removeStaleLock(site.data);
  await writeOwned(join(site.data, "postgresql.conf"), postgresConf(tuning), site.user);
  await writeOwned(join(site.data, "pg_hba.conf"), POSTGRES_HBA, site.user);
  return {
    ...basePlan(site),
    name: "postgres",
    argv: [site.binaries.postgres, "-D", site.data],
  };
}

/**
 * Runs statements against a server that is down, one a line, as its superuser. A database can be
 * prepared this way without a connection. What already exists counts as done, so that a preparation
 * that was interrupted can be repeated.
 */
export async function runSingleUser(
  site: PostgresSite,
  statements: readonly string[],
): Promise<void> {
  const result = await runPlan(
    {
      ...basePlan(site),
      name: "postgres-single",
      argv: [site.binaries.postgres, "--single", "-j", "-D", site.data, "postgres"],
    },
    { input: statements.map((statement) => `${statement};\n\n`).join("") },
  );
  const failures = result.stderr
    .split("\n")
    .filter((line) => /(ERROR|FATAL|PANIC): /.test(line) && !line.includes("already exists"));
  if (result.code !== 0 || failures.length > 0) {
    throw new StateError(
      "POSTGRES_INIT_FAILED",
      `could not prepare the databases in ${site.data}: ${lastLines(result.stderr)}`,
    );
  }
}

/**
 * Resolves once the postmaster with this pid takes connections: it writes so into its lock file,
 * which is what pg_ctl reads too. Throws UnavailableError when `signal` aborts first.
 */
export async function postgresReady(
  site: PostgresSite,
  pid: number,
  signal: AbortSignal,
): Promise<void> {
  do {
    const lines = await readLock(site.data);
    if (Number(lines[0]) === pid && lines[STATUS_LINE]?.trim() === "ready") return;
  } while (await wait(READY_POLL_MS, signal));
  throw new UnavailableError("postgres", `postgres in ${site.data} did not become ready`);
}

/**
 * After a hard kill the lock file stays. Postgres sees through that itself, unless the old pid now
 * belongs to something else of the same user. The file is removed only in that case, and only when
 * no process of the old server is left: it is what protects the data from them.
 */
async function removeStaleLock(data: string): Promise<void> {
  const pid = Number((await readLock(data))[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return;
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (command === "" || command.includes("postgres")) return;
  if (await hasProcessIn(data)) return;
  await rm(join(data, "postmaster.pid"), { force: true });
}

/** Every process of a Postgres server has its database directory as its working directory. */
async function hasProcessIn(data: string): Promise<boolean> {
  const directory = await realpath(data);
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => "");
    if (cwd === directory) return true;
  }
  return false;
}

async function readLock(data: string): Promise<string[]> {
  try {
    return (await readFile(join(data, "postmaster.pid"), "utf8")).split("\n");
  } catch {
    // No lock file: the server is not running, or not yet.
    return [];
  }
}

async function writeOwned(
  path: string,
  content: string,
  user: UnixUser | undefined,
): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  await chmod(path, 0o600);
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

function basePlan(site: PostgresSite): Omit<ProcessPlan, "name" | "argv"> {
  return {
    env: { PATH: "/usr/bin:/bin", LANG: "C", TZ: "UTC", ...site.env },
    cwd: "/",
    ...(site.user === undefined ? {} : { user: site.user }),
  };
}

/** Without the statements that Postgres repeats: some of them hold a password. */
export function lastLines(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !/STATEMENT: /.test(line));
  return lines.slice(-3).join(" | ");
}
