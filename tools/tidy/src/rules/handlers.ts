import { type Finding, isTest, lineAt, modulesOf, type Rule } from "../rule.ts";
import { walk } from "../syntax.ts";

const sql = /\b(select\s+[\w*.,\s]+\s+from|insert\s+into|update\s+\w+\s+set|delete\s+from)\b/i;

/** A handler authorises, parses, calls and converts; statements live in store/. */
export const handlers: Rule = {
  name: "no SQL outside a store, an engine or a package that is about Postgres",
  check: (repository) =>
    modulesOf(repository)
      .filter(
        (file) =>
          !isTest(file.path) &&
          /^(services\/[^/]+\/src\/(rpc|operations|domain|facades|controllers)\/|worker\/|cli\/)/.test(
            file.path,
          ),
      )
      .flatMap((file) => {
        const findings: Finding[] = [];
        walk(file, (node) => {
          if (node.type !== "Literal" && node.type !== "TemplateLiteral") return;
          if (!sql.test(file.text.slice(node.start, node.end))) return;
          findings.push({
            path: file.path,
            line: lineAt(file.text, node.start),
            message: "a statement here: it belongs into store/",
          });
        });
        return findings;
      }),
};
