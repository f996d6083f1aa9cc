import { existsSync } from "node:fs";
import { join } from "node:path";
import { installed, root } from "./root.ts";
import { type ProcessResult, runProcess } from "./run-process.ts";

/** One thing that must hold for every change. */
export interface Check {
  readonly name: string;
  /** What to do about a failure, where that is a command. */
  readonly fix?: string;
  run(): Promise<ProcessResult>;
}

export const RELEASED_CONTRACT = "proto/released.binpb";

/** Everything but the tests, the slowest first so that two cores end at the same time. */
export function checks(): Check[] {
  const buf = installed("buf");
  const list: Check[] = [
    {
      name: "generated code is current",
      fix: "npm run generate",
      run: () => runProcess([process.execPath, "tools/commands/src/generate.ts", "--check"]),
    },
    { name: "types", run: () => runProcess([installed("tsc"), "-p", "."]) },
    {
      name: "tidy",
      run: () =>
        runProcess([process.execPath, "--test", "tools/tidy/src/repository.test.ts"]).then(brief),
    },
    {
      name: "format and lint",
      fix: "npm run format",
      run: () => runProcess([installed("biome"), "check", "--error-on-warnings", "."]),
    },
    { name: "no dead code (knip)", run: () => runProcess([installed("knip"), "--no-progress"]) },
    { name: "contract: buf lint", run: () => runProcess([buf, "lint"]) },
    {
      name: "contract: buf format",
      fix: "npm run format",
      run: () => runProcess([buf, "format", "proto", "--diff", "--exit-code"]),
    },
  ];
  if (existsSync(join(root, RELEASED_CONTRACT))) {
    list.push({
      name: "contract: nothing breaks what was released",
      run: () => runProcess([buf, "breaking", "proto", "--against", RELEASED_CONTRACT]),
    });
  }
  return list;
}

/** The findings of tidy without the frame that the test runner puts around them. */
function brief(result: ProcessResult): ProcessResult {
  const findings = result.output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^[\w./-]+(:\d+)?: /.test(line) || line.startsWith("✖"));
  return { ...result, output: [...new Set(findings)].join("\n") };
}
