import { tools } from "@tidemill/testing";
import { runProcess } from "./run-process.ts";
import type { TestCounts } from "./test-reporter.ts";

/** The unit tests of the Python half of the worker, by unittest. */
export async function runPythonTests(print: (line: string) => void): Promise<TestCounts> {
  const { python, kfpWheel } = await tools();
  const { exitCode, output, tookMs } = await runProcess(
    [python.path, "-m", "unittest", "discover", "--verbose", "-s", "python/test", "-t", "python"],
    { env: { PYTHONDONTWRITEBYTECODE: "1", TIDEMILL_KFP_WHEEL: kfpWheel } },
  );
  for (const line of output.split("\n")) {
    const skip = /^(.*) \.\.\. skipped (.*)$/.exec(line);
    if (skip !== null) print(`    - skipped: ${skip[1]}: ${skip[2]}`);
  }
  const total = Number(/^Ran (\d+) tests?/m.exec(output)?.[1] ?? 0);
  const numberOf = (word: string) =>
    Number(new RegExp(`^(?:OK|FAILED) \\(.*?${word}=(\\d+)`, "m").exec(output)?.[1] ?? 0);
  const skipped = numberOf("skipped");
  const broken = numberOf("failures") + numberOf("errors");
  // Some versions of unittest are content with having found nothing.
  const failed = exitCode === 0 && total > 0 ? 0 : Math.max(broken, 1);
  if (failed > 0) print(output.trimEnd());
  const seconds = (tookMs / 1000).toFixed(1);
  const passed = Math.max(total - failed - skipped, 0);
  print(
    `${failed === 0 ? "✓" : "✗"} python: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds} s)`,
  );
  return { passed, failed, skipped };
}
