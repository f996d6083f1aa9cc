import type { Repository, RepositoryFile } from "./repository.ts";

export interface Finding {
  readonly path: string;
  /** 1 for the first; absent when the finding is about the whole file or folder. */
  readonly line?: number;
  readonly message: string;
}

export interface Rule {
  /** What must hold, as a sentence without its end. */
  readonly name: string;
  check(repository: Repository): Finding[];
}

export function formatFinding(finding: Finding): string {
  const line = finding.line === undefined ? "" : `:${finding.line}`;
  return `${finding.path}${line}: ${finding.message}`;
}

/** Line of an offset in a text, 1 for the first. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line += 1;
  }
  return line;
}

export function isGenerated(path: string): boolean {
  return (
    path.startsWith("packages/proto/src/gen/") ||
    path.startsWith("third_party/") ||
    path === "package-lock.json"
  );
}

/** Hand-written TypeScript and JavaScript. */
export function isModule(file: RepositoryFile): boolean {
  return /\.(ts|mts|mjs)$/.test(file.path) && !isGenerated(file.path);
}

export function isTest(path: string): boolean {
  return /\.test\.(ts|mjs)$/.test(path) || /(^|\/)(test|fixtures)\//.test(path);
}

export function modulesOf(repository: Repository): RepositoryFile[] {
  return repository.files.filter(isModule);
}
