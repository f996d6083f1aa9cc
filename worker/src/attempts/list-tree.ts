import { constants } from "node:fs";
import { access, lstat, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { InvalidError } from "@tidemill/errors";
import { isInside } from "./local-paths.ts";

export interface TreeEntry {
  /** Relative, with `/`. */
  readonly path: string;
  readonly executable: boolean;
}

/** As many as one CreateTree takes. */
const FILES_MAX = 100_000;
const DEPTH_MAX = 100;
/** Links inside a tree can make many directories of a few. */
const DIRECTORIES_MAX = 100_000;

/**
 * Every file below a directory. A link counts as what it points to, which must be in the directory:
 * otherwise InvalidError ARTIFACT_PATH_INVALID. Sockets, pipes and links to nothing are left out.
 */
export async function listTree(
  directory: string,
  directoriesMax = DIRECTORIES_MAX,
): Promise<readonly TreeEntry[]> {
  const root = await realpath(directory);
  const found: TreeEntry[] = [];
  let directories = 0;
  await visit("", 0);
  return found;

  async function visit(relative: string, depth: number): Promise<void> {
    if (depth > DEPTH_MAX) {
      const message = `"${relative}" is over ${DEPTH_MAX} directories deep`;
      throw new InvalidError("ARTIFACT_PATH_INVALID", message);
    }
    if (++directories > directoriesMax) throw tooMany(`${directoriesMax} directories`);
    for (const name of await readdir(join(root, relative))) {
      const path = relative === "" ? name : `${relative}/${name}`;
      const full = join(root, path);
      if ((await lstat(full)).isSymbolicLink()) await requireInside(full, path);
      const target = await stat(full).catch(() => undefined);
      if (target?.isDirectory()) await visit(path, depth + 1);
      else if (target?.isFile()) await add(path, full);
    }
  }

  async function requireInside(full: string, path: string): Promise<void> {
    const target = await realpath(full).catch(() => undefined);
    if (target === undefined) return;
    if (isInside(full, target)) {
      throw new InvalidError(
        "ARTIFACT_PATH_INVALID",
        `"${path}" in an output artifact is a link to a directory that it lies in, which has no end: remove it`,
      );
    }
    if (isInside(target, root)) return;
    throw new InvalidError(
      "ARTIFACT_PATH_INVALID",
      `"${path}" in an output artifact is a link to "${target}", outside of the artifact: copy the file`,
    );
  }

  function tooMany(limit: string): InvalidError {
    const rule = `it holds more than ${limit}: pack them into one file, an archive for instance`;
    return new InvalidError("ARTIFACT_FILES_MAX", `"${directory}" cannot be an artifact, ${rule}`);
  }

  async function add(path: string, full: string): Promise<void> {
    if (found.length >= FILES_MAX) throw tooMany(`${FILES_MAX} files`);
    const executable = await access(full, constants.X_OK).then(
      () => true,
      () => false,
    );
    found.push({ path, executable });
  }
}
