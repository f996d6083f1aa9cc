import { closeSync, fstatSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openTaskFile } from "../../attempts/task-files.ts";

/** Modules that tasks of one environment imported, and those that must not be imported ahead. */
export interface RememberedImports {
  readonly modules: readonly string[];
  readonly refused: readonly string[];
}

const FILE = "imports.json";
const MODULES_MAX = 2_000;
const REFUSED_MAX = 200;
const LIST_BYTES_MAX = 1024 * 1024;

export function importsPath(directory: string): string {
  return join(directory, FILE);
}

/** What is remembered in an environment's folder. A damaged file only costs speed. */
export function loadImports(directory: string): RememberedImports {
  try {
    const parsed: Partial<RememberedImports> = JSON.parse(
      readFileSync(importsPath(directory), "utf8"),
    );
    return { modules: stringsIn(parsed.modules), refused: stringsIn(parsed.refused) };
  } catch {
    return { modules: [], refused: [] };
  }
}

/** What a task says that it imported: anything, for user code may write there. */
export function loadModules(path: string): readonly string[] {
  const file = openTaskFile(path);
  if (file === undefined) return [];
  try {
    if (fstatSync(file).size > LIST_BYTES_MAX) return [];
    return stringsIn(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return [];
  } finally {
    closeSync(file);
  }
}

/** Adds modules. Undefined when all were known, refused or beyond the limit. */
export function addImports(
  known: RememberedImports,
  names: readonly string[],
): RememberedImports | undefined {
  const modules = new Set(known.modules);
  for (const name of names) {
    if (modules.size < MODULES_MAX && !known.refused.includes(topOf(name))) modules.add(name);
  }
  if (modules.size === known.modules.length) return undefined;
  return { ...known, modules: [...modules] };
}

/** Never imports this package ahead again. */
export function refuseImport(known: RememberedImports, top: string): RememberedImports {
  return {
    modules: known.modules.filter((name) => topOf(name) !== top),
    refused: [...known.refused.filter((name) => name !== top), top].slice(-REFUSED_MAX),
  };
}

/** Readers see the old list or the new one. */
export function saveImports(directory: string, imports: RememberedImports): void {
  const path = importsPath(directory);
  writeFileSync(`${path}.tmp`, JSON.stringify(imports));
  renameSync(`${path}.tmp`, path);
}

function topOf(name: string): string {
  return name.split(".", 1)[0] ?? name;
}

function stringsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
