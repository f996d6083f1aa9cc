import type { RepositoryFile } from "./repository.ts";

/** A node of the ESTree that oxc-parser makes, as far as the rules look at it. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

/** Calls `visit` with every node and the node around it, outer ones first. */
export function walk(
  file: RepositoryFile,
  visit: (node: SyntaxNode, parent: SyntaxNode | undefined) => void,
): void {
  const descend = (value: unknown, parent: SyntaxNode | undefined): void => {
    if (Array.isArray(value)) {
      for (const entry of value) descend(entry, parent);
      return;
    }
    if (!isNode(value)) return;
    visit(value, parent);
    for (const key in value) {
      if (key !== "type" && key !== "start" && key !== "end") descend(value[key], value);
    }
  };
  descend(file.syntax.program, undefined);
}

/** The nodes directly below one. */
export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const values = Object.entries(node).flatMap(([key, value]) => (key === "type" ? [] : [value]));
  return values.flat().filter(isNode);
}

export interface ImportReference {
  /** As it is written: `./x.ts`, `node:fs`, `@tidemill/errors`. */
  readonly specifier: string;
  readonly offset: number;
  readonly typeOnly: boolean;
}

/** Every static and dynamic import and re-export of a module. */
export function importsOf(file: RepositoryFile): ImportReference[] {
  const { module } = file.syntax;
  const references: ImportReference[] = module.staticImports.map((found) => ({
    specifier: found.moduleRequest.value,
    offset: found.start,
    typeOnly: found.entries.length > 0 && found.entries.every((entry) => entry.isType),
  }));
  for (const found of module.staticExports) {
    const request = found.entries.find((entry) => entry.moduleRequest !== null)?.moduleRequest;
    if (request) {
      references.push({
        specifier: request.value,
        offset: found.start,
        typeOnly: found.entries.every((entry) => entry.isType),
      });
    }
  }
  for (const found of module.dynamicImports) {
    const { start, end } = found.moduleRequest;
    const literal = /^["'](.*)["']$/.exec(file.text.slice(start, end));
    if (literal?.[1] !== undefined) {
      references.push({ specifier: literal[1], offset: start, typeOnly: false });
    }
  }
  return references;
}

/** Path of the file that a relative import names, relative to the root. */
export function resolveRelative(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

export function isNode(value: unknown): value is SyntaxNode {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    typeof value.type === "string" &&
    "start" in value
  );
}
