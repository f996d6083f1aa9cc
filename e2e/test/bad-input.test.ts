import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { pipelines } from "../src/journeys.ts";
import { root } from "../src/root.ts";
import { leaveSharedMesh, sharedMesh, type TestMesh } from "../src/test-mesh.ts";

const good = readFileSync(join(root, pipelines.slow), "utf8");
const replace = (from: string | RegExp, to: string) => {
  const text = good.replace(from, to);
  assert.notEqual(text, good, `nothing matches ${from}`);
  return text;
};

interface Case {
  readonly name: string;
  readonly text: string;
  readonly reason: string;
  readonly message: RegExp;
}

const cases: readonly Case[] = [
  {
    name: "YAML that does not parse",
    text: "components: [unclosed\nroot: {",
    reason: "SPEC_SYNTAX",
    message: /line \d/,
  },
  {
    name: "an empty file",
    text: "",
    reason: "SPEC_EMPTY",
    message: /./,
  },
  {
    name: "another schema version",
    text: replace("schemaVersion: 2.1.0", "schemaVersion: 9.9.9"),
    reason: "SPEC_INVALID",
    message: /9\.9\.9/,
  },
  {
    name: "a task of an unknown component",
    text: replace(/name: comp-double/, "name: comp-nowhere"),
    reason: "UNKNOWN_COMPONENT",
    message: /comp-nowhere/,
  },
  {
    name: "a component of an unknown executor",
    text: replace(/executorLabel: exec-double/, "executorLabel: exec-nowhere"),
    reason: "UNKNOWN_EXECUTOR",
    message: /exec-nowhere/,
  },
  {
    name: "tasks that wait for each other",
    text: replace(
      /( +)count:\n( +)cachingOptions:/,
      "$1count:\n$2dependentTasks:\n$2- double\n$2cachingOptions:",
    ),
    reason: "CYCLE",
    message: /count.*double|double.*count/,
  },
  {
    name: "a KFP 1.x workflow",
    text: "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: x-}\nspec: {}\n",
    reason: "KFP_V1_WORKFLOW",
    message: /1\.x|v1|Argo/i,
  },
  {
    name: "nesting deeper than any pipeline",
    text: `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`,
    reason: "SPEC_SYNTAX",
    message: /nest|deep/i,
  },
];

after(leaveSharedMesh);

describe("bad input through the command line", () => {
  let mesh: TestMesh;
  const directory = tempDir("bad-input");
  const write = (name: string, text: string) => {
    const path = join(directory, `${name.replaceAll(/[^a-z]+/g, "-")}.yaml`);
    writeFileSync(path, text);
    return path;
  };
  before(async () => {
    mesh = await sharedMesh();
  });

  for (const { name, text, reason, message } of cases) {
    it(`refuses ${name}, and says where`, async () => {
      const path = write(name, text);
      const validated = await mesh.json(["pipeline", "validate", path], 1);
      assert.equal(validated.error.reason, reason);
      const described = [
        validated.error.message,
        ...validated.error.violations.map((entry: { description: string }) => entry.description),
      ].join("\n");
      assert.match(described, message);
      const submitted = await mesh.json(["run", "submit", path], 1);
      assert.equal(submitted.error.reason, validated.error.reason);
    });
  }

  it("refuses a parameter that is missing, unknown or of another type", async () => {
    const required = write(
      "required",
      replace(/( +)seconds:\n +defaultValue: 5\.0\n +isOptional: true\n/, "$1seconds:\n"),
    );
    const missing = await mesh.json(["run", "submit", required], 1);
    assert.match(missing.error.message, /seconds/);
    const unknown = await mesh.cli(["run", "submit", pipelines.slow, "-p", "second=1"]);
    assert.equal(unknown.exitCode, 2);
    const params = join(directory, "params.json");
    writeFileSync(params, '{"seconds": "long"}');
    const wrong = await mesh.json(["run", "submit", pipelines.slow, "--params", params], 1);
    assert.match(wrong.error.message, /seconds/);
  });

  it("refuses a name that is too long and a namespace that is no DNS label", async () => {
    const name = "x".repeat(200);
    const long = await mesh.json(["run", "submit", pipelines.slow, "--name", name], 1);
    assert.match(JSON.stringify(long.error), /name/);
    const label = await mesh.json(["--namespace", "No_Label", "run", "list"], 1);
    assert.equal(label.error.reason, "BAD_NAMESPACE");
  });

  it("takes a name in any script", async () => {
    const args = ["run", "submit", pipelines.slow, "-p", "seconds=0", "--name", "潮汐磨坊 🌊"];
    const run = await mesh.json(args);
    assert.equal(run.name, "潮汐磨坊 🌊");
  });

  it("says that a file or a run is not there", async () => {
    const file = await mesh.cli(["run", "submit", "nowhere.yaml"]);
    assert.equal(file.exitCode, 2);
    assert.match(file.stderr, /cannot read nowhere\.yaml/);
    const run = await mesh.json(["run", "get", "no-such-run"], 1);
    assert.equal(run.error.reason, "NOT_FOUND");
  });

  it("every process is still up", async () => {
    const { processes } = await mesh.json(["status"]);
    for (const entry of processes) assert.equal(entry.state, "serving", JSON.stringify(entry));
  });
});
