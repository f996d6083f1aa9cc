import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { messageOf, StateError } from "@tidemill/errors";
import { FREE_MIB_MIN, freeMibAt } from "./free-space.ts";
import { type HomeLayout, homeLayout } from "./home-layout.ts";
import { probeDirectory } from "./probe-directory.ts";
import { writeFileDurably } from "./write-file-durably.ts";

/** What version.json says: which releases can open this home. */
export interface HomeVersion {
  readonly layout: number;
  readonly postgresMajor: number;
}

/** Brings a home from the layout before to the next one. */
export type LayoutMigration = (layout: HomeLayout) => Promise<void>;

export interface OpenHomeOptions {
  readonly postgresMajor: number;
  /** Entry n leads from layout n + 1 to n + 2; the current layout is one more than there are. */
  readonly migrations?: readonly LayoutMigration[];
}

const PRIVATE = 0o700;
const layoutMigrations: readonly LayoutMigration[] = [];

/**
 * Creates the home, or checks the one that is there, in which a mesh may be running: what is in it
 * stays as it is until `prepareHome`. Throws StateError: BAD_HOME when the directory
 * cannot serve, HOME_NEWER when a later release made it, POSTGRES_MAJOR when its databases are of
 * another PostgreSQL, DISK_FULL.
 */
export async function openHome(root: string, options: OpenHomeOptions): Promise<HomeLayout> {
  const layout = homeLayout(root);
  const migrations = options.migrations ?? layoutMigrations;
  requirePlainName(root);
  await attemptToWrite(root, () => mkdir(root, { recursive: true, mode: PRIVATE }));
  const version = await readVersion(layout);
  if (version === undefined) await requireEmpty(layout);
  await attemptToWrite(root, () => makePrivate(layout));
  if (version === undefined) {
    await requireSpace(root);
    await probeDirectory(root);
  } else {
    requireReadable(root, version, migrations.length + 1, options.postgresMajor);
    await requireSpace(root);
  }
  return layout;
}

/** Brings an opened home to the layout of this release; for whoever holds its lock. */
export async function prepareHome(layout: HomeLayout, options: OpenHomeOptions): Promise<void> {
  const migrations = options.migrations ?? layoutMigrations;
  const current = { layout: migrations.length + 1, postgresMajor: options.postgresMajor };
  const version = (await readVersion(layout)) ?? current;
  for (const migration of migrations.slice(version.layout - 1)) await migration(layout);
  await makeDirectories(layout);
  if (version.layout === current.layout && existsSync(layout.version)) return;
  await writeFileDurably(layout.version, `${JSON.stringify(current)}\n`);
}

/** Credentials lie below: a home that others may read is closed, as ssh asks of its own. */
async function makePrivate({ root, run }: HomeLayout): Promise<void> {
  if (((await stat(root)).mode & 0o777) !== PRIVATE) await chmod(root, PRIVATE);
  await mkdir(run, { recursive: true, mode: PRIVATE });
}

/** Whoever reads lists of paths, as installers of packages do, takes a line for each. */
function requirePlainName(root: string): void {
  if (!/[\n\r]/.test(root)) return;
  throw new StateError(
    "BAD_HOME",
    `the home ${JSON.stringify(root)} has a line break in its name, which pip and uv cannot ` +
      "take: name another one with --home or TIDEMILL_HOME",
  );
}

async function attemptToWrite(root: string, fn: () => Promise<unknown>): Promise<void> {
  try {
    await fn();
  } catch (cause) {
    throw new StateError(
      "BAD_HOME",
      `the home ${root} cannot be written (${messageOf(cause)}): ` +
        "make it a directory of yours, or name another one with --home or TIDEMILL_HOME",
      { cause },
    );
  }
}

async function makeDirectories(layout: HomeLayout): Promise<void> {
  const { credentials, postgres, nats, artifacts, worker, logs, tools } = layout;
  for (const path of [credentials, postgres, nats, artifacts, worker, logs, tools]) {
    await mkdir(path, { recursive: true, mode: PRIVATE });
  }
}

/** The stamp of a home, or undefined when there is none yet. */
export async function readVersion(layout: HomeLayout): Promise<HomeVersion | undefined> {
  if (!existsSync(layout.version)) return undefined;
  try {
    const version: Partial<HomeVersion> = JSON.parse(await readFile(layout.version, "utf8"));
    if (typeof version.layout !== "number" || typeof version.postgresMajor !== "number") {
      throw new Error("layout or postgresMajor is missing");
    }
    return { layout: version.layout, postgresMajor: version.postgresMajor };
  } catch (cause) {
    throw new StateError(
      "BAD_HOME",
      `${layout.version} cannot be read (${messageOf(cause)}): restore it, or use another home`,
      { cause },
    );
  }
}

/** A directory that holds something else is none to build a home in. */
async function requireEmpty({ root, credentials }: HomeLayout): Promise<void> {
  const names = await readdir(root);
  const foreign = names.find((name) => name !== "run" && !name.startsWith(".probe-"));
  // A first start that was killed may have left some of ours.
  if (foreign === undefined || existsSync(credentials)) return;
  throw new StateError(
    "BAD_HOME",
    `${root} is no home of a mesh and is not empty (it holds ${JSON.stringify(foreign)}): ` +
      "name an empty or new directory with --home or TIDEMILL_HOME",
  );
}

function requireReadable(
  root: string,
  version: HomeVersion,
  layoutMax: number,
  postgresMajor: number,
): void {
  if (version.layout > layoutMax || version.postgresMajor > postgresMajor) {
    throw new StateError(
      "HOME_NEWER",
      `the home ${root} was made by a newer release (layout ${version.layout}, PostgreSQL ` +
        `${version.postgresMajor}; this one knows ${layoutMax} and ${postgresMajor}): ` +
        "use that release, or another home",
    );
  }
  if (version.postgresMajor < postgresMajor) {
    throw new StateError(
      "POSTGRES_MAJOR",
      `the databases of ${root} are of PostgreSQL ${version.postgresMajor}, this release brings ` +
        `${postgresMajor}: use the release that made them`,
    );
  }
}

async function requireSpace(root: string): Promise<void> {
  const freeMib = await freeMibAt(root);
  if (freeMib >= FREE_MIB_MIN) return;
  throw new StateError(
    "DISK_FULL",
    `the disk of ${root} has ${freeMib} MiB left, a start needs ${FREE_MIB_MIN}: make room on it`,
  );
}
