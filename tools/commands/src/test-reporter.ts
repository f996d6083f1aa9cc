import { relative, resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { root } from "./root.ts";

/** Marks the line by which the runner learns the counts of a run. */
export const COUNTS_MARK = "tidemill-test-counts ";

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * A line for each file, the failures with their causes, every skip with its reason, the counts at
 * the end. Suites are not counted, only tests; a file without one is a failure.
 */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, Tally>();
  const total = { passed: 0, failed: 0, skipped: 0 };
  for await (const event of source) {
    if (event.type === "test:summary" && event.data.file !== undefined) {
      const path = pathOf(event.data);
      yield describeFile(path, files.get(path), event.data);
    }
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { data } = event;
    const path = pathOf(data);
    const tally = files.get(path) ?? { passed: 0, failed: 0, skipped: 0 };
    files.set(path, tally);
    if (isWholeFile(data.name, data.nesting, path)) {
      // Reported only when the file failed, of which its tests have told, or has no test.
      if (tally.failed > 0) continue;
      tally.failed += 1;
      total.failed += 1;
      const cause = event.type === "test:pass" ? "holds no test" : causeOf(data.details);
      yield `    ✗ ${path}: ${cause}\n`;
      continue;
    }
    const isSkipped = data.skip !== undefined && data.skip !== false;
    // A suite counts only when it failed by itself, in a hook for instance, or is left out whole.
    if (data.details.type === "suite" && !isSkipped && !failedByItself(data.details)) continue;
    if (isSkipped) {
      tally.skipped += 1;
      total.skipped += 1;
      yield `    - skipped: ${data.name}: ${data.skip === true ? "no reason given" : data.skip}\n`;
    } else if (event.type === "test:pass") {
      tally.passed += 1;
      total.passed += 1;
    } else {
      tally.failed += 1;
      total.failed += 1;
      const place = `${relative(root, data.file ?? "")}:${data.line ?? 0}`;
      yield `    ✗ ${place}: ${data.name}\n`;
      yield `${indent(causeOf(data.details))}\n`;
    }
  }
  yield `${COUNTS_MARK}${JSON.stringify(total)}\n`;
}

/**
 * The file that was run. A suite that several files share stands in a module of its own, which is
 * where its tests say that they are.
 */
function pathOf(data: { readonly file?: string | undefined }): string {
  const entry = "entryFile" in data && typeof data.entryFile === "string" ? data.entryFile : "";
  return relative(root, entry || (data.file ?? ""));
}

function failedByItself(details: object): boolean {
  if (!("error" in details) || !(details.error instanceof Error)) return false;
  return "failureType" in details.error && details.error.failureType !== "subtestsFailed";
}

/** With one process a file, Node reports each file as a test of its own around the others. */
function isWholeFile(name: string, nesting: number, path: string): boolean {
  return nesting === 0 && resolve(root, name) === resolve(root, path);
}

function describeFile(
  path: string,
  tally: Tally = { passed: 0, failed: 0, skipped: 0 },
  summary: { readonly success: boolean; readonly duration_ms: number },
): string {
  const skipped = tally.skipped === 0 ? "" : `, ${tally.skipped} skipped`;
  const failed = tally.failed === 0 ? "" : `, ${tally.failed} failed`;
  const seconds = (summary.duration_ms / 1000).toFixed(1);
  const mark = summary.success ? "✓" : "✗";
  return `  ${mark} ${path} (${tally.passed} passed${failed}${skipped}, ${seconds} s)\n`;
}

function causeOf(details: object): string {
  if (!("error" in details)) return "failed without saying why";
  const { error } = details;
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  const below = cause.cause instanceof Error ? `\nbecause: ${cause.cause.message}` : "";
  return `${cause.stack ?? cause.message}${below}`;
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `      ${line}`)
    .join("\n");
}
