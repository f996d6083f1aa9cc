import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { repositoryOf } from "./repository.ts";
import { formatFinding } from "./rule.ts";
import { rules } from "./rules.ts";

interface Case {
  /** Start of the name of the rule. */
  readonly rule: string;
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** What the one finding says; absent when there is none. */
  readonly finds?: RegExp;
}

const lines = (count: number, text: string) => `${text}\n`.repeat(count);
const sleep = ["set", "Timeout"].join("");
const serviceFiles = {
  "services/a/src/main.ts": "",
  "services/a/src/config.ts": "",
  "services/a/src/index.ts": "",
  "services/a/src/service.ts": "",
};

const cases: readonly Case[] = [
  {
    rule: "imports between packages",
    name: "a service imports another",
    files: { "services/a/src/x.ts": 'import { b } from "@tidemill/artifacts";' },
    finds: /services may not import @tidemill\/artifacts/,
  },
  {
    rule: "imports between packages",
    name: "a package without dependencies gets one through a re-export",
    files: { "packages/errors/src/index.ts": 'export * from "@tidemill/config";' },
    finds: /packages\/errors may not import @tidemill\/config; it may import: nothing/,
  },
  {
    rule: "imports between packages",
    name: "the worker imports Postgres lazily",
    files: { "worker/src/x.ts": 'await import("@tidemill/postgres");' },
    finds: /worker may not import @tidemill\/postgres/,
  },
  {
    rule: "imports between packages",
    name: "a relative path leads out of the package",
    files: {
      "cli/src/x.ts": 'import { a } from "../../packages/errors/src/index.ts";',
      "packages/errors/src/index.ts": "",
    },
    finds: /out of cli: import the package by its name/,
  },
  {
    rule: "imports between packages",
    name: "an import has no ending",
    files: { "cli/src/x.ts": 'import { y } from "./y";', "cli/src/y.ts": "" },
    finds: /imports end in .ts/,
  },
  {
    rule: "imports between packages",
    name: "allowed ones pass, and testing in tests",
    files: {
      "packages/rpc/src/x.ts": 'import { InvalidError } from "@tidemill/errors";',
      "packages/rpc/src/x.test.ts": 'import { eventually } from "@tidemill/testing";',
    },
  },
  {
    rule: "imports inside a service",
    name: "a domain imports its store",
    files: { "services/a/src/domain/x.ts": 'import { y } from "../store/y.ts";' },
    finds: /domain may not import store/,
  },
  {
    rule: "imports inside a service",
    name: "a domain imports the clock of Node",
    files: { "services/a/src/domain/x.ts": 'import { hrtime } from "node:process";' },
    finds: /a domain is pure/,
  },
  {
    rule: "imports inside a service",
    name: "a handler imports pg",
    files: { "services/a/src/rpc/x.ts": 'import pg from "pg";' },
    finds: /pg is kept to store/,
  },
  {
    rule: "imports inside a service",
    name: "a store imports its domain",
    files: { "services/a/src/store/x.ts": 'import type { Y } from "../domain/y.ts";' },
  },
  {
    rule: "every service has",
    name: "a room of its own invention",
    files: { ...serviceFiles, "services/a/src/models/x.ts": "" },
    finds: /"models" is no room/,
  },
  {
    rule: "every service has",
    name: "no composition root",
    files: { ...serviceFiles, "services/b/src/main.ts": "", "services/b/src/config.ts": "" },
    finds: /services\/b\/src\/(service|index).ts: is missing/,
  },
  {
    rule: "every service has",
    name: "a main with logic in it",
    files: { ...serviceFiles, "services/a/src/main.ts": lines(41, "start();") },
    finds: /41 lines; at most 40 here/,
  },
  { rule: "every service has", name: "all four files", files: serviceFiles },
  {
    rule: "a file has at most",
    name: "a long file",
    files: { "cli/src/x.ts": lines(501, "run();") },
    finds: /501 lines; at most 500/,
  },
  {
    rule: "a file has at most",
    name: "a test of the same length",
    files: { "cli/src/x.test.ts": lines(501, "run();") },
  },
  {
    rule: "a function has at most",
    name: "a long arrow function",
    files: { "cli/src/x.ts": `const f = () => {\n${lines(70, "run();")}};` },
    finds: /a function of 72 lines; at most 70/,
  },
  {
    rule: "a function has at most",
    name: "six parameters",
    files: { "cli/src/x.ts": "function f(a: A, b: B, c: C, d: D, e: E, g: G) {}" },
    finds: /6 parameters/,
  },
  {
    rule: "a function has at most",
    name: "a long factory of short functions",
    files: {
      "cli/src/x.ts": `const f = () => {\n${`const g = () => {\n${lines(30, "run();")}};\n`.repeat(3)}};`,
    },
  },
  {
    rule: "a function has at most",
    name: "a long suite of tests",
    files: { "cli/src/x.test.ts": `describe("x", () => {\n${lines(70, "run();")}});` },
  },
  {
    rule: "a line has at most",
    name: "a long comment",
    files: { "cli/src/x.ts": `// ${"word ".repeat(25)}` },
    finds: /128 columns/,
  },
  {
    rule: "a line has at most",
    name: "a long literal",
    files: { "cli/src/x.ts": `f(\n  "${"word ".repeat(25)}",\n);` },
  },
  {
    rule: "no module is an orphan",
    name: "a module that nothing names",
    files: { "cli/src/index.ts": "", "cli/src/forgotten.ts": "" },
    finds: /forgotten.ts: nothing imports it/,
  },
  {
    rule: "no module is an orphan",
    name: "one is imported, one is started by name",
    files: {
      "cli/src/index.ts": 'import "./a.ts"; new Worker(new URL("./b.ts", import.meta.url));',
      "cli/src/a.ts": "",
      "cli/src/b.ts": "",
    },
  },
  {
    rule: "every package, deployable",
    name: "an example without one",
    files: { "examples/x/pipeline.py": "" },
    finds: /examples\/x\/README.md: is missing/,
  },
  {
    rule: "every package, deployable",
    name: "a service whose README leaves out how it fails",
    files: {
      "services/a/package.json": "{}",
      "services/a/README.md":
        "## Purpose\n## API\n## Owns\n## Publishes / Consumes\n## Phases\n## Config\n## Tests\n",
    },
    finds: /has no heading "## Failure modes"/,
  },
  {
    rule: "migrations are numbered",
    name: "two with one number",
    files: { "services/a/migrations/0001_a.sql": "", "services/a/migrations/0001_b.sql": "" },
    finds: /0001_b.sql: has number 0001 where 0002 comes next/,
  },
  {
    rule: "migrations are numbered",
    name: "one without a number",
    files: { "services/a/migrations/create.sql": "" },
    finds: /is not named like/,
  },
  {
    rule: "contract, tables and commands",
    name: "a step in the contract",
    files: {
      "proto/tidemill/orchestrator/v1/x.proto": "message Run {\n  string step_id = 1;\n}",
    },
    finds: /x.proto:2: "step_id" says "step"; the word here is "task"/,
  },
  {
    rule: "contract, tables and commands",
    name: "a message for a job",
    files: { "proto/tidemill/artifacts/v1/x.proto": "message JobLog {}" },
    finds: /"JobLog" says "job"/,
  },
  {
    rule: "contract, tables and commands",
    name: "a table of workflows",
    files: { "services/orchestrator/migrations/0001_a.sql": "create table workflows (" },
    finds: /"workflows" says "workflow"/,
  },
  {
    rule: "contract, tables and commands",
    name: "an option that counts steps",
    files: { "cli/src/x.ts": 'program.option("--steps <n>", "how many");' },
    finds: /says "step"/,
  },
  {
    rule: "contract, tables and commands",
    name: "prose may say step, and a trainer has jobs",
    files: {
      "proto/tidemill/orchestrator/v1/x.proto": "// A step of a workflow.\nmessage Task {}",
      "proto/tidemill/trainer/v1/x.proto": "message TrainJob {}",
    },
  },
  {
    rule: "files are kebab-case",
    name: "a drawer for everything",
    files: { "packages/rpc/src/utils.ts": "" },
    finds: /"utils" does not say what is inside/,
  },
  {
    rule: "files are kebab-case",
    name: "camel case",
    files: { "packages/rpc/src/pageToken.ts": "" },
    finds: /is not kebab-case/,
  },
  {
    rule: "only configuration reads",
    name: "a setting in the middle of nowhere",
    files: { "packages/rpc/src/x.ts": "const a = process.env.PORT;" },
    finds: /reads process.env/,
  },
  {
    rule: "only configuration reads",
    name: "configuration itself",
    files: { "services/a/src/config.ts": "const a = process.env;" },
  },
  {
    rule: "no SQL outside",
    name: "a handler with a statement",
    files: { "services/a/src/rpc/x.ts": "db.query(`select id, name from runs`);" },
    finds: /a statement here/,
  },
  {
    rule: "no test sleeps",
    name: "a sleep of a tenth of a second",
    files: { "cli/src/x.test.ts": `await new Promise((done) => ${sleep}(done, 100));` },
    finds: /sleeps/,
  },
  {
    rule: "no test sleeps",
    name: "a sleep by its other name",
    files: { "e2e/test/x.test.ts": 'import { setTimeout as delay } from "node:timers/promises";' },
    finds: /sleeps/,
  },
  {
    rule: "no machine paths",
    name: "somebody's home",
    files: { "cli/README.md": `see ${"/home"}/ann/tidemill` },
    finds: /a path of one machine/,
  },
  {
    rule: "no machine paths",
    name: "a registry",
    files: { "package-lock.json": `"resolved": "https://registry.npm${"js.org"}/x"` },
    finds: /a registry's host/,
  },
  {
    rule: "no machine paths",
    name: "a note to oneself",
    files: { "cli/src/x.ts": `// ${"TO"}${"DO"} make it work` },
    finds: /a reminder/,
  },
];

describe("each rule of tidy", () => {
  for (const { rule, name, files, finds } of cases) {
    it(`${rule}: ${finds === undefined ? "lets pass" : "finds"} ${name}`, () => {
      const found = rules.find((candidate) => candidate.name.startsWith(rule));
      assert.ok(found, `no rule "${rule}"`);
      const findings = found.check(repositoryOf(files)).map(formatFinding);
      if (finds === undefined) assert.deepEqual(findings, []);
      else assert.match(findings.join("\n"), finds);
    });
  }

  it("every rule has a case that breaks it", () => {
    const untested = rules.filter(
      (rule) => !cases.some((entry) => entry.finds && rule.name.startsWith(entry.rule)),
    );
    assert.deepEqual(
      untested.map((rule) => rule.name),
      [],
    );
  });
});
