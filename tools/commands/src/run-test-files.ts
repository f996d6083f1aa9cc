import { runProcess } from "./run-process.ts";
import type { TestPhase } from "./test-phases.ts";
import { COUNTS_MARK, type TestCounts } from "./test-reporter.ts";

export interface RunOptions {
  readonly print: (line: string) => void;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs the files of a phase, each in a process of its own, and counts. */
export async function runTestFiles(
  phase: TestPhase,
  files: ReadonlyMap<TestPhase, readonly string[]>,
  options: RunOptions,
): Promise<TestCounts> {
  const paths = files.get(phase) ?? [];
  if (paths.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  let counts: TestCounts | undefined;
  const { exitCode, tookMs } = await runProcess(
    [
      process.execPath,
      "--test",
      `--test-concurrency=${phase.concurrency}`,
      `--test-timeout=${phase.timeoutMs}`,
      `--test-reporter=${new URL("test-reporter.ts", import.meta.url)}`,
      ...paths,
    ],
    {
      env: options.env,
      onLine(line) {
        if (line.startsWith(COUNTS_MARK)) counts = JSON.parse(line.slice(COUNTS_MARK.length));
        else options.print(line);
      },
    },
  );
  const seconds = (tookMs / 1000).toFixed(1);
  if (counts === undefined) {
    options.print(`✗ ${phase.name}: the test runner ended with ${exitCode} and no counts`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const { passed, failed, skipped } = counts;
  const ok = failed === 0 && exitCode === 0;
  options.print(
    `${ok ? "✓" : "✗"} ${phase.name}: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds} s)`,
  );
  // A file may fail outside of any test; then the exit code is all there is.
  return ok || failed > 0 ? counts : { ...counts, failed: 1 };
}
