import { type Finding, lineAt, type Rule } from "../rule.ts";

/** One word per idea: what others call a step, a job or a workflow is a task and a run here. */
const replacements: Readonly<Record<string, string>> = {
  step: "task",
  job: "run",
  workflow: "pipeline",
  execution: "attempt",
  node: "task",
  op: "task",
  retry: "attempt",
};

/** Services whose contract speaks of runs and tasks; a trainer has jobs by right. */
const protoFolders = /^proto\/tidemill\/(common|orchestrator|artifacts)\//;
const sqlFolders = /^(services\/(orchestrator|artifacts)|packages\/\w+)\/migrations\//;
const protoName = new RegExp(
  [
    /^\s*(?:message|enum|service|rpc|oneof)\s+(\w+)/,
    /^\s*(?:repeated\s+|optional\s+)?[\w.<>, ]+?\s+(\w+)\s*=\s*\d+/,
    /^\s*([A-Z][A-Z0-9_]+)\s*=\s*\d+/,
  ]
    .map((pattern) => pattern.source)
    .join("|"),
  "gm",
);
const sqlName = new RegExp(
  [
    /\bcreate table (?:if not exists )?(\w+)/,
    /^\s+(\w+)\s+(?:text|uuid|bigint|integer|jsonb|bytea|timestamptz|boolean|smallint)\b/,
  ]
    .map((pattern) => pattern.source)
    .join("|"),
  "gim",
);
const cliName = /\.(?:command|option|requiredOption|argument)\(\s*["'`]([^"'`]+)["'`]/g;

/** Names in the contract, the tables and the command line are design words. */
export const words: Rule = {
  name: "contract, tables and commands use one word per idea",
  check: (repository) =>
    repository.files.flatMap((file) => {
      const pattern = patternFor(file.path);
      if (pattern === undefined) return [];
      const findings: Finding[] = [];
      for (const match of file.text.matchAll(pattern)) {
        const name = match.slice(1).find((group) => group !== undefined) ?? "";
        for (const part of wordsOf(name)) {
          const better = replacements[part];
          if (better === undefined) continue;
          findings.push({
            path: file.path,
            line: lineAt(file.text, match.index + match[0].indexOf(name)),
            message: `"${name}" says "${part}"; the word here is "${better}"`,
          });
        }
      }
      return findings;
    }),
};

function patternFor(path: string): RegExp | undefined {
  if (protoFolders.test(path)) return protoName;
  if (sqlFolders.test(path)) return sqlName;
  return /^cli\/src\/.*(?<!\.test)\.ts$/.test(path) ? cliName : undefined;
}

/** `maxRetryCount`, `RUN_STATE_FAILED`, `--page-size <n>` in lower-case words, plurals cut. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => (word.length > 3 ? word.replace(/s$/, "") : word));
}
