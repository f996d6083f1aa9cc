import { execFileSync } from "node:child_process";
import { root } from "./root.ts";

/** A kind of tests: where its files are and how they are run. */
export interface TestPhase {
  readonly name: string;
  readonly pattern: RegExp;
  /** Files at a time. */
  readonly concurrency: number;
  /** A test that takes longer than this hangs. */
  readonly timeoutMs: number;
  /** Only in `npm run test:all`. */
  readonly long: boolean;
}

/** The first pattern that matches decides. */
export const phases: readonly TestPhase[] = [
  {
    name: "long",
    pattern: /\.long\.test\.ts$/,
    concurrency: 1,
    timeoutMs: 1_800_000,
    long: true,
  },
  {
    name: "faults",
    pattern: /^e2e\/chaos\/.*\.test\.ts$/,
    concurrency: 1,
    timeoutMs: 300_000,
    long: false,
  },
  {
    name: "e2e",
    pattern: /^e2e\/.*\.test\.ts$/,
    concurrency: 2,
    timeoutMs: 240_000,
    long: false,
  },
  {
    name: "contract",
    pattern: /\.contract\.test\.ts$/,
    concurrency: 2,
    timeoutMs: 120_000,
    long: false,
  },
  {
    name: "integration",
    pattern: /\/test\/.*\.test\.ts$/,
    concurrency: 2,
    timeoutMs: 240_000,
    long: false,
  },
  { name: "unit", pattern: /\.test\.ts$/, concurrency: 2, timeoutMs: 60_000, long: false },
];

export function phaseNamed(name: string): TestPhase {
  const phase = phases.find((candidate) => candidate.name === name);
  if (phase === undefined) throw new Error(`no phase "${name}"`);
  return phase;
}

/** Every test file of the repository by its phase: one that no phase takes cannot exist. */
export function testFiles(): ReadonlyMap<TestPhase, readonly string[]> {
  const listed = execFileSync(
    "git",
    ["ls-files", "--cached", "--others", "--exclude-standard", "*.test.ts"],
    { cwd: root, encoding: "utf8" },
  );
  const files = new Map<TestPhase, string[]>(phases.map((phase) => [phase, []]));
  for (const path of listed.split("\n").filter((line) => line !== "")) {
    const phase = phases.find((candidate) => candidate.pattern.test(path));
    if (phase !== undefined) files.get(phase)?.push(path);
  }
  return files;
}
