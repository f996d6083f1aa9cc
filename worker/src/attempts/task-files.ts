import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { InvalidError, messageOf, StateError } from "@tidemill/errors";
import { isInside } from "./local-paths.ts";

/** A pipe that nobody writes to would hold up everything else that this process does. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;
const READ_AT_ONCE_BYTES_MAX = 1024 * 1024;
const TEXT_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Opens a file in a place that user code may write to. Undefined for whatever is no file there,
 * however it came to be: nothing, a link, a pipe, a device, a directory.
 */
export function openTaskFile(path: string): number | undefined {
  let file: number;
  try {
    file = openSync(path, WITHOUT_WAITING | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  return undefined;
}

/**
 * Where a path leads to; undefined when it leads to nothing. Throws InvalidError
 * ARTIFACT_PATH_INVALID when links lead out of all of `roots`: what is there is not the task's.
 */
export function followLinks(path: string, roots: readonly string[]): string | undefined {
  const real = realPathOf(path);
  if (real === undefined || real === path) return real;
  const isOwn = roots.some(
    (root) => isInside(real, root) || isInside(real, realPathOf(root) ?? root),
  );
  if (isOwn) return real;
  throw new InvalidError(
    "ARTIFACT_PATH_INVALID",
    `output "${path}" is a link to "${real}", outside of the task's directories: copy the file`,
  );
}

/**
 * The text that a task has left at `path`; undefined when nothing is there. Throws InvalidError
 * ARTIFACT_PATH_INVALID as `followLinks` does, StateError OUTPUT_INVALID for what is no file or
 * too large a one.
 */
export async function readTaskText(
  path: string,
  roots: readonly string[],
): Promise<string | undefined> {
  const real = followLinks(path, roots);
  if (real === undefined) return undefined;
  const file = openReadable(path, real);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw invalid(path, "it is no file");
    if (found.size > TEXT_BYTES_MAX) {
      throw invalid(path, `it has ${found.size} bytes, and at most ${TEXT_BYTES_MAX} are read`);
    }
    // It was written a moment ago: reading it here is faster than having it read elsewhere.
    if (found.size <= READ_AT_ONCE_BYTES_MAX) return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
  return await readFile(real, "utf8");
}

function openReadable(path: string, real: string): number {
  try {
    return openSync(real, WITHOUT_WAITING);
  } catch (error) {
    throw invalid(path, messageOf(error));
  }
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}

function invalid(path: string, problem: string): StateError {
  return new StateError("OUTPUT_INVALID", `output file "${path}" cannot be read: ${problem}`);
}
