import { checks } from "./checks.ts";
import { runChecks } from "./run-checks.ts";
import { runTestFiles } from "./run-test-files.ts";
import { phaseNamed, testFiles } from "./test-phases.ts";

/** `npm run check`: the fast loop, under a minute. */
const print = (line: string) => void process.stdout.write(`${line}\n`);

const checked = await runChecks(checks(), print);
const unit = await runTestFiles(phaseNamed("unit"), testFiles(), { print, env: {} });
const failed = checked.failed + unit.failed;
print(`${checked.passed + unit.passed} passed, ${failed} failed, ${unit.skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
