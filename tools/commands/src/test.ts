import { checkJournals, startTestMesh, TEST_MESH_VARIABLE } from "@tidemill/e2e";
import { startPostgres, TEST_POSTGRES_VARIABLE } from "@tidemill/testing";
import { checks } from "./checks.ts";
import { runPythonTests } from "./python-tests.ts";
import { runChecks } from "./run-checks.ts";
import { runTestFiles } from "./run-test-files.ts";
import { phaseNamed, phases, testFiles } from "./test-phases.ts";
import type { TestCounts } from "./test-reporter.ts";

/**
 * `npm test`: everything but the long suites, which `npm run test:all` adds. Names of phases as
 * arguments run only those: `npm test -- unit integration`.
 */
const print = (line: string) => void process.stdout.write(`${line}\n`);
const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const withLong = process.argv.includes("--all");
const known = ["check", "python", ...phases.map((phase) => phase.name)];
const order = ["check", "unit", "contract", "integration", "python", "e2e", "faults", "long"];

for (const name of chosen) {
  if (known.includes(name)) continue;
  print(`there is no phase "${name}"; there are ${order.join(", ")}`);
  process.exit(2);
}

const isWanted = (name: string) =>
  chosen.length > 0 ? chosen.includes(name) : name !== "long" || withLong;

async function main(): Promise<TestCounts> {
  const startedMs = performance.now();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const add = (counts: TestCounts) => {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  };
  const files = testFiles();
  for (const name of order.filter(isWanted)) {
    print(`== ${name}`);
    if (name === "check") add({ ...(await runChecks(checks(), print)), skipped: 0 });
    else if (name === "python") add(await runPythonTests(print));
    else
      add(await withServers(name, (env) => runTestFiles(phaseNamed(name), files, { print, env })));
  }
  print(`took ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  return total;
}

/** What the files of a phase share: one Postgres, or one mesh. */
async function withServers(
  phase: string,
  run: (env: Readonly<Record<string, string>>) => Promise<TestCounts>,
): Promise<TestCounts> {
  if (phase === "e2e") {
    const mesh = await startTestMesh();
    const counts = await run({ [TEST_MESH_VARIABLE]: `${mesh.portOffset}:${mesh.home}` });
    const violation = await checkJournals(mesh);
    await mesh.stop();
    if (violation === undefined) return { ...counts, passed: counts.passed + 1 };
    print(`✗ the journals of all runs: ${violation}`);
    return { ...counts, failed: counts.failed + 1 };
  }
  if (phase !== "contract" && phase !== "integration" && phase !== "long") return run({});
  const postgres = await startPostgres();
  const counts = await run({ [TEST_POSTGRES_VARIABLE]: postgres.url });
  await postgres.stop();
  return counts;
}

const total = await main();
print(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;
