import type { Check } from "./checks.ts";

/** Two cores: a third process only makes the others slower. */
const CHECKS_AT_A_TIME = 2;
const OUTPUT_LINES_MAX = 200;

/** Runs checks side by side, prints a line for each, and the output of those that failed. */
export async function runChecks(
  checks: readonly Check[],
  print: (line: string) => void,
): Promise<{ passed: number; failed: number }> {
  const waiting = [...checks];
  let failed = 0;
  const work = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const { exitCode, output, tookMs } = await check.run();
      const took = `${(tookMs / 1000).toFixed(1)} s`;
      if (exitCode === 0) {
        print(`✓ ${check.name} (${took})`);
        continue;
      }
      failed += 1;
      print(`✗ ${check.name} (${took})${check.fix === undefined ? "" : `: try ${check.fix}`}`);
      for (const line of output.trimEnd().split("\n").slice(0, OUTPUT_LINES_MAX))
        print(`  ${line}`);
    }
  };
  await Promise.all(Array.from({ length: CHECKS_AT_A_TIME }, work));
  return { passed: checks.length - failed, failed };
}
