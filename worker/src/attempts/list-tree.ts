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

/**
 * Every file below a directory. A link counts as what it points to, which must be in the directory:
 * otherwise InvalidError ARTIFACT_PATH_INVALID. Sockets, pipes and links to nothing are left out.
 */
export async function listTree(directory: string): Promise<readonly TreeEntry[]> {
  const root = await realpath(directory);
  const found: TreeEntry[] = [];
  await visit("", 0);
  return found;

  async function visit(relative: string, depth: number): Promise<void> {
    if (depth > DEPTH_MAX) {
      const message = `"${relative}" is over ${DEPTH_MAX} directories deep`;
      throw new InvalidError("ARTIFACT_PATH_INVALID", message);
    }
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
    if (target === undefined || isInside(target, root)) return;
    throw new InvalidError(
      "ARTIFACT_PATH_INVALID",
      `"${path}" in an output artifact is a link to "${target}", outside of the artifact: copy the file`,
    );
  }

  async function add(path: string, full: string): Promise<void> {
    if (found.length >= FILES_MAX) {
      const rule = `it holds more than ${FILES_MAX} files: pack them into one, an archive for instance`;
      throw new InvalidError("ARTIFACT_FILES_MAX", `"${directory}" cannot be an artifact, ${rule}`);
    }
    const executable = await access(full, constants.X_OK).then(
      () => true,
      () => false,
    );
    found.push({ path, executable });
  }
}
