import { type Finding, isTest, lineAt, modulesOf, type Rule } from "../rule.ts";
import { isNode, walk } from "../syntax.ts";

/** Who may read environment variables: configuration readers, and what starts other processes. */
const readers = [
  /\/src\/config\.ts$/,
  /^packages\/telemetry\/src\/read-telemetry-env\.ts$/,
  /^packages\/(mesh|testing)\//,
  /^cli\/(src\/main\.ts|bin\/)/,
  /^(tools|bench|e2e)\//,
];

/** A setting that is read anywhere else is one that nobody finds. */
export const environment: Rule = {
  name: "only configuration reads process.env",
  check: (repository) =>
    modulesOf(repository)
      .filter((file) => !isTest(file.path) && !readers.some((pattern) => pattern.test(file.path)))
      .flatMap((file) => {
        const findings: Finding[] = [];
        walk(file, (node) => {
          if (node.type !== "MemberExpression") return;
          const { object, property } = node;
          if (!isNode(object) || object.name !== "process") return;
          if (!isNode(property) || property.name !== "env") return;
          findings.push({
            path: file.path,
            line: lineAt(file.text, node.start),
            message: "reads process.env: take it from config.ts",
          });
        });
        return findings;
      }),
};
