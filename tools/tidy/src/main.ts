import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRepository } from "./repository.ts";
import { formatFinding } from "./rule.ts";
import { rules } from "./rules.ts";

/** `npm run tidy`: every finding, one a line. */
const repository = readRepository(join(dirname(fileURLToPath(import.meta.url)), "../../.."));
const findings = rules.flatMap((rule) => rule.check(repository));
for (const finding of findings) process.stdout.write(`${formatFinding(finding)}\n`);
process.stdout.write(`${rules.length} rules, ${findings.length} findings\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
