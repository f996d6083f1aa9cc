import { InvalidError } from "@tidemill/errors";
import type { Digest } from "./digest.ts";
import { requireDigest } from "./digest.ts";

/** One file of a tree. */
export interface TreeFile {
  readonly path: string;
  readonly blobDigest: Digest;
  readonly sizeBytes: number;
  readonly executable: boolean;
}

/** A directory's files, sorted by the bytes of their paths, before their digest is known. */
export interface TreeContent {
  readonly files: readonly TreeFile[];
  readonly sizeBytes: number;
}

const TREE_FILES_MAX = 100_000;
const PATH_BYTES_MAX = 4096;
/** What file systems take for one name. */
const PATH_PART_BYTES_MAX = 255;
/** Of the text that a tree's digest is made of. */
export const TREE_LIST_BYTES_MAX = 64 * 1024 * 1024;
const NUL = "\0";

/** What is known of a tree beside its files. */
export interface TreeRecord {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly fileCount: number;
}

/**
 * A tree of files that may come in any order. Throws InvalidError BAD_TREE naming the path that
 * climbs out, is absolute, has an empty part, is there twice or is both a file and a directory.
 * Paths are compared byte by byte: `A` and `a`, or two ways to write one accented letter, are two.
 */
export function createTree(files: readonly TreeFile[]): TreeContent {
  if (files.length > TREE_FILES_MAX) {
    throw badTree(`${files.length} files`, `a tree holds at most ${TREE_FILES_MAX}`);
  }
  for (const file of files) requireTreePath(file.path);
  const sorted = files
    .map((file) => ({ file, key: Buffer.from(file.path) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map((entry) => entry.file);
  requireDistinct(sorted);
  const sizeBytes = sorted.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (!Number.isSafeInteger(sizeBytes)) {
    throw badTree(`${sizeBytes} bytes`, "the sizes of the files add up to too much");
  }
  return { files: sorted, sizeBytes };
}

/** Throws InvalidError BAD_TREE. */
export function requireTreePath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (path === "") throw badTree('path ""', "it must not be empty");
  if (bytes > PATH_BYTES_MAX) {
    throw badTree(`path of ${bytes} bytes`, `use at most ${PATH_BYTES_MAX}`);
  }
  const shown = `path ${JSON.stringify(path)}`;
  if (path.includes(NUL)) throw badTree(shown, "it must not contain NUL");
  if (!path.isWellFormed()) throw badTree(shown, "it must be valid Unicode");
  if (path.startsWith("/")) throw badTree(shown, "it must be relative");
  for (const part of path.split("/")) {
    if (part === "") throw badTree(shown, "it must not have an empty part");
    if (Buffer.byteLength(part) > PATH_PART_BYTES_MAX) {
      throw badTree(shown, `a part of it is longer than ${PATH_PART_BYTES_MAX} bytes`);
    }
    // A backslash is an ordinary character in a file's name here, but not on every reader's
    // machine.
    if (part.split("\\").some((piece) => piece === "." || piece === "..")) {
      throw badTree(shown, "it must not have a part . or ..");
    }
  }
}

/**
 * The text whose SHA-256 is the tree's digest: one line a file, `<path> NUL <size> NUL <digest>
 * LF`, with `NUL x` before the LF of an executable one, sorted by the path's bytes.
 */
export function encodeTree(sorted: readonly TreeFile[]): Buffer {
  const lines = sorted.map((file) => {
    const mode = file.executable ? `${NUL}x` : "";
    return `${file.path}${NUL}${file.sizeBytes}${NUL}${file.blobDigest}${mode}\n`;
  });
  return Buffer.from(lines.join(""));
}

const LINE_RULE = "write <path> NUL <size> NUL <digest> LF for each file";
const encodedLine = /([^\0]+)\0(\d+)\0([0-9a-f]{64})(\0x)?\n/y;

/**
 * The files of what `encodeTree` wrote, or of what a client wrote like it: `createTree` has yet to
 * judge them. Throws InvalidError BAD_TREE where the text breaks off from the form.
 */
export function decodeTree(encoded: Uint8Array): readonly TreeFile[] {
  const text = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length).toString("utf8");
  const files: TreeFile[] = [];
  encodedLine.lastIndex = 0;
  for (let at = 0; at < text.length; at = encodedLine.lastIndex) {
    const match = encodedLine.exec(text);
    if (match === null) throw badTree(`the list at character ${at}`, LINE_RULE);
    const [, path = "", size = "", digest = "", mode] = match;
    files.push({
      path,
      sizeBytes: Number(size),
      blobDigest: requireDigest(digest),
      executable: mode !== undefined,
    });
  }
  return files;
}

function requireDistinct(sorted: readonly TreeFile[]): void {
  const paths = new Set<string>();
  for (const file of sorted) {
    if (paths.has(file.path)) {
      throw badTree(`path ${JSON.stringify(file.path)}`, "it is there twice");
    }
    paths.add(file.path);
  }
  for (const file of sorted) {
    for (let at = file.path.indexOf("/"); at >= 0; at = file.path.indexOf("/", at + 1)) {
      const directory = file.path.slice(0, at);
      if (!paths.has(directory)) continue;
      throw badTree(
        `path ${JSON.stringify(directory)}`,
        `it is a file and also the directory of ${JSON.stringify(file.path)}`,
      );
    }
  }
}

function badTree(what: string, rule: string): InvalidError {
  return new InvalidError("BAD_TREE", `${what} cannot be kept: ${rule}`, [
    { field: "files", description: rule },
  ]);
}
