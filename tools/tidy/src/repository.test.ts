import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readRepository } from "./repository.ts";
import { formatFinding } from "./rule.ts";
import { rules } from "./rules.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

describe("this repository", () => {
  const repository = readRepository(root);
  for (const rule of rules) {
    it(rule.name, () => {
      const findings = rule.check(repository);
      assert.equal(findings.length, 0, `\n${findings.map(formatFinding).join("\n")}`);
    });
  }
});
