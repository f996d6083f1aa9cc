import type { Repository } from "../repository.ts";
import { isTest, modulesOf, type Rule } from "../rule.ts";
import { importsOf, resolveRelative } from "../syntax.ts";

/** A module that nothing imports, starts or names is left over from something. */
export const orphanFiles: Rule = {
  name: "no module is an orphan",
  check(repository) {
    const reached = reachedPaths(repository);
    const named = namedFiles(repository);
    return modulesOf(repository)
      .filter((file) => !reached.has(file.path) && !isEntry(file.path))
      .filter((file) => !named.has(file.path.split("/").at(-1) ?? ""))
      .map((file) => ({
        path: file.path,
        message: "nothing imports it, starts it or names it: delete it or use it",
      }));
  },
};

function reachedPaths(repository: Repository): Set<string> {
  const reached = new Set<string>();
  for (const file of modulesOf(repository)) {
    for (const { specifier } of importsOf(file)) {
      if (specifier.startsWith(".")) reached.add(resolveRelative(file.path, specifier));
    }
  }
  return reached;
}

/** Base names that stand in a package.json, a script, a configuration or a string of a module. */
function namedFiles(repository: Repository): Set<string> {
  const names = new Set<string>();
  for (const file of repository.files) {
    if (!/(\.(ts|mts|mjs|json|py|sh|ya?ml)|\.ci\/run)$/.test(file.path)) continue;
    if (file.path === "package-lock.json") continue;
    const own = file.path.split("/").at(-1);
    for (const match of file.text.matchAll(/([\w.-]+\.(?:ts|mts|mjs))\b(?!["'] *;?\n *import)/g)) {
      if (match[1] !== undefined && match[1] !== own) names.add(match[1]);
    }
  }
  return names;
}

/** What is started: tests, deployables, packages' doors, and benches, which go by their names. */
function isEntry(path: string): boolean {
  return isTest(path) || /(^|\/)src\/(main|index)\.ts$/.test(path) || /^bench\/src\//.test(path);
}
