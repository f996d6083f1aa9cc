import type { Finding, Rule } from "../rule.ts";
import { ownerOf } from "./layer-graph.ts";

const README_LINES_MAX = 150;
const serviceHeadings = [
  "Purpose",
  "API",
  "Owns",
  "Publishes",
  "Phases",
  "Config",
  "Failure modes",
  "Tests",
];

/** Whoever opens a package finds out in a screen what it is for. */
export const readmes: Rule = {
  name: "every package, deployable and example has a README",
  check(repository) {
    const findings: Finding[] = [];
    for (const folder of foldersThatNeedOne(repository.files.map((file) => file.path))) {
      const path = `${folder}/README.md`;
      const readme = repository.find(path);
      if (readme === undefined) {
        findings.push({ path, message: "is missing" });
        continue;
      }
      const lines = readme.text.trimEnd().split("\n").length;
      if (lines > README_LINES_MAX) {
        findings.push({ path, message: `${lines} lines; at most ${README_LINES_MAX}` });
      }
      if (!folder.startsWith("services/")) continue;
      for (const heading of serviceHeadings) {
        if (!new RegExp(`^## ${heading}\\b`, "m").test(readme.text)) {
          findings.push({ path, message: `has no heading "## ${heading}"` });
        }
      }
    }
    return findings;
  },
};

function foldersThatNeedOne(paths: readonly string[]): Set<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    if (path.endsWith("/package.json")) folders.add(ownerOf(path));
    const example = /^examples\/[^/]+(?=\/)/.exec(path)?.[0];
    if (example !== undefined) folders.add(example);
  }
  return folders;
}
