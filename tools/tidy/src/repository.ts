import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ParseResult, parseSync } from "oxc-parser";

/** One file of the repository; text and syntax tree are read when a rule first asks for them. */
export interface RepositoryFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Only for TypeScript and JavaScript. */
  readonly syntax: ParseResult;
}

export interface Repository {
  readonly files: readonly RepositoryFile[];
  find(path: string): RepositoryFile | undefined;
}

/** The files that git knows or would add; ignored ones are nobody's business. */
export function readRepository(root: string): Repository {
  const output = execFileSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    { cwd: root, encoding: "utf8", maxBuffer: LISTING_BYTES_MAX },
  );
  const paths = output.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
  return repositoryOfFiles(paths.map((path) => lazyFile(path, () => readText(join(root, path)))));
}

/** A repository that exists only in memory: what the tests of the rules use. */
export function repositoryOf(texts: Readonly<Record<string, string>>): Repository {
  return repositoryOfFiles(Object.entries(texts).map(([path, text]) => lazyFile(path, () => text)));
}

const LISTING_BYTES_MAX = 64 * 1024 * 1024;

function repositoryOfFiles(files: readonly RepositoryFile[]): Repository {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return { files: [...byPath.values()], find: (path) => byPath.get(path) };
}

function lazyFile(path: string, read: () => string): RepositoryFile {
  let text: string | undefined;
  let syntax: ParseResult | undefined;
  return {
    path,
    get text() {
      text ??= read();
      return text;
    },
    get syntax() {
      syntax ??= parseSync(path, this.text);
      return syntax;
    },
  };
}

/** Binary files count as empty: no rule reads them. */
function readText(path: string): string {
  const bytes = readFileSync(path);
  return bytes.subarray(0, 8000).includes(0) ? "" : bytes.toString("utf8");
}
