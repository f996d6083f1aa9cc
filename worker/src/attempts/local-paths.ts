import { isAbsolute, join, normalize, relative, resolve, sep } from "node:path";
import { InvalidError } from "@tidemill/errors";

/** Where an attempt's artifacts lie on this machine. */
export interface LocalDirectories {
  /** Holds one directory a scheme; the same for every attempt of a run. */
  readonly mounts: string;
  /** Working directory of the attempt. */
  readonly work: string;
}

const SCHEMES: readonly (readonly [prefix: string, directory: string])[] = [
  ["minio://", "minio"],
  ["s3://", "s3"],
  ["gs://", "gcs"],
  ["oci://", "oci"],
];
const PATH_BYTES_MAX = 4_000;

/**
 * The path under which KFP's `artifact.path` shows an address: known schemes below `mounts`, an
 * absolute path as it is, anything else relative to the working directory. Throws InvalidError
 * ARTIFACT_PATH_INVALID for an address that climbs out of its directory.
 */
export function localPathOf(uri: string, directories: LocalDirectories, schemaTitle = ""): string {
  requirePlain(uri);
  const known = SCHEMES.find(([prefix]) => uri.startsWith(prefix));
  if (known === undefined) return isAbsolute(uri) ? normalize(uri) : join(directories.work, uri);
  const [prefix, directory] = known;
  const rest = uri.slice(prefix.length);
  if (directory !== "oci") return join(directories.mounts, directory, rest);
  const image = join(directories.mounts, directory, rest.replaceAll("/", "_"));
  return schemaTitle === "system.Model" ? join(image, "models") : image;
}

/**
 * The path that user code chose for an artifact's content (`set_path`): in its own directory, its
 * run's, or a directory for temporary files. Throws InvalidError ARTIFACT_PATH_INVALID otherwise.
 */
export function customPathOf(
  path: string,
  directories: LocalDirectories,
  temporary: readonly string[],
): string {
  requirePlain(path);
  const chosen = resolve(directories.work, path);
  const roots = [directories.work, directories.mounts, ...temporary];
  if (roots.some((root) => isInside(chosen, root))) return chosen;
  throw invalid(
    path,
    `it must be in the task's own directory or in one of ${temporary.join(", ")}`,
  );
}

/** Whether `path` is `root` or below it. */
export function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function requirePlain(path: string): void {
  if (path === "") throw invalid(path, "it is empty");
  if (path.includes("\0")) throw invalid(path, "it holds a zero byte");
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw invalid(path.slice(0, 100), `it has more than ${PATH_BYTES_MAX} bytes`);
  if (path.split("/").includes("..")) throw invalid(path, 'it must not hold ".."');
}

function invalid(path: string, rule: string): InvalidError {
  return new InvalidError(
    "ARTIFACT_PATH_INVALID",
    `artifact path ${JSON.stringify(path)} cannot be used: ${rule}`,
  );
}
