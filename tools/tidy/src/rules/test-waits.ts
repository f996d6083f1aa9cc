import { type Finding, isTest, lineAt, modulesOf, type Rule } from "../rule.ts";
import { importsOf, isNode, walk } from "../syntax.ts";

/** A test that sleeps is slow on a good day and fails on a bad one: wait for the condition. */
export const testWaits: Rule = {
  name: "no test sleeps",
  check: (repository) =>
    modulesOf(repository)
      .filter((file) => isTest(file.path))
      .flatMap((file) => {
        const findings: Finding[] = [];
        const report = (offset: number) =>
          findings.push({
            path: file.path,
            line: lineAt(file.text, offset),
            message: "sleeps: wait for a condition with `eventually`, or for an event",
          });
        for (const found of importsOf(file)) {
          if (found.specifier === "node:timers/promises") report(found.offset);
        }
        walk(file, (node) => {
          if (node.type !== "CallExpression") return;
          const callee = node.callee;
          if (isNode(callee) && callee.name === "setTimeout") report(node.start);
        });
        return findings;
      }),
};
