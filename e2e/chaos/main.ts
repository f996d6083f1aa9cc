import { runChaos } from "./chaos.ts";

/**
 * `npm run chaos -- --minutes 10 --seed 7 --home DIRECTORY`: prints the report, exit code 1 when
 * something did not hold. With a home the logs of all processes are there afterwards.
 */
const MINUTES_DEFAULT = 5;

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const value = at === -1 ? fallback : Number(process.argv[at + 1]);
  if (!Number.isFinite(value) || value <= 0) {
    process.stderr.write(`--${name} takes a number above 0\n`);
    process.exit(2);
  }
  return value;
}

const homeAt = process.argv.indexOf("--home");
const home = homeAt === -1 ? undefined : process.argv[homeAt + 1];
const report = await runChaos({
  seed: option("seed", Math.floor(Math.random() * 1_000_000) + 1),
  durationMs: option("minutes", MINUTES_DEFAULT) * 60_000,
  ...(home === undefined ? {} : { home }),
  print: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
