import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  artifact,
  constant,
  DATASET,
  input,
  parameter,
  pipelineDocument,
} from "../../test/pipeline-builder.ts";
import { driveRun, type RunDriver } from "../../test/run-driver.ts";
import { compileConstant } from "./constant-plan.ts";
import { expandVariables } from "./expand-variables.ts";
import type { ArtifactValue } from "./parameter-value.ts";
import { type Argument, planAttempt } from "./plan-attempt.ts";

const ROOT = "minio://mlpipeline/v2/artifacts/test/run-1/use/a9";

const DATA: ArtifactValue = {
  id: "art-1",
  name: "data",
  schemaTitle: "system.Dataset",
  schemaVersion: "0.0.1",
  instanceSchema: "",
  uri: "minio://mlpipeline/data",
  metadataJson: '{"rows":150,"note":"{{$}}"}',
  digest: "d",
  tree: false,
  sizeBytes: 1,
};

/** A run whose task `use` has the given arguments and is queued. */
function withArguments(
  args: readonly string[],
  { container = {}, given = {} }: Options = {},
): RunDriver {
  const driver = driveRun(
    pipelineDocument({
      inputs: { text: parameter("STRING"), list: parameter("LIST"), absent: OPTIONAL },
      tasks: {
        make: { component: "make" },
        use: {
          component: "use",
          parameters: {
            text: input("text"),
            list: input("list"),
            absent: input("absent"),
            name: constant("fixed"),
          },
          artifacts: { data: artifact("make") },
        },
      },
      components: {
        make: {
          executorLabel: "exec-step",
          inputDefinitions: { parameters: { x: OPTIONAL } },
          outputDefinitions: { artifacts: { data: DATASET } },
        },
        use: {
          executorLabel: "exec-use",
          inputDefinitions: {
            parameters: {
              text: parameter("STRING"),
              list: parameter("LIST"),
              absent: OPTIONAL,
              name: parameter("STRING"),
            },
            artifacts: { data: DATASET, model: { ...DATASET, isOptional: true } },
          },
          outputDefinitions: {
            parameters: { n: parameter("NUMBER_INTEGER") },
            artifacts: { out: { ...DATASET, metadata: { a: 1 } } },
          },
        },
      },
      executors: {
        "exec-use": { container: { image: "alpine", command: ["echo"], args, ...container } },
      },
    }),
    { text: "hi", list: [1, "b"], ...given },
  );
  driver.succeed("make", {}, { data: [DATA] });
  return driver;
}

interface Options {
  readonly container?: object;
  readonly given?: Readonly<Record<string, unknown>>;
}

const OPTIONAL = parameter("STRING", { isOptional: true });

function planned(driver: RunDriver) {
  return planAttempt(driver.run, driver.task("use"), "a9");
}

const literal = (text: string): Argument => [{ kind: "literal", text }];
const P = (name: string) => `{{$.inputs.parameters['${name}']}}`;

const cases: readonly { name: string; argument: string; expected: readonly Argument[] }[] = [
  {
    name: "a parameter within text",
    argument: `--t=${P("text")}!`,
    expected: [literal("--t=hi!")],
  },
  { name: "a list as compact JSON", argument: P("list"), expected: [literal('[1,"b"]')] },
  {
    name: "an absent parameter as nothing",
    argument: `<${P("absent")}>`,
    expected: [literal("<>")],
  },
  {
    name: "the executor input for the worker",
    argument: "in={{$}}",
    expected: [[{ kind: "literal", text: "in=" }, { kind: "executorInput" }]],
  },
  {
    name: "paths for the worker",
    argument: "{{$.inputs.artifacts['data'].path}}:{{$.outputs.artifacts['out'].path}}",
    expected: [
      [
        { kind: "inputArtifactPath", name: "data" },
        { kind: "literal", text: ":" },
        { kind: "outputArtifactPath", name: "out" },
      ],
    ],
  },
  {
    name: "addresses and metadata at once",
    argument: [
      "{{$.inputs.artifacts['data'].uri}}",
      "{{$.inputs.artifacts['data'].metadata['rows']}}",
      "{{$.inputs.artifacts['data'].metadata['note']}}",
      "{{$.outputs.artifacts['out'].uri}}",
      "{{$.outputs.artifacts['out'].metadata}}",
    ].join(" "),
    expected: [literal(`minio://mlpipeline/data 150 {{$}} ${ROOT}/out {"a":1}`)],
  },
  {
    name: "the file of an output",
    argument: "{{$.outputs.parameters['n'].output_file}}",
    expected: [[{ kind: "outputParameterFile", name: "n" }]],
  },
  {
    name: "placeholders of the run",
    argument: "{{$.pipeline_job_name}}/{{$.pipeline_task_name}}/{{$.pipeline_job_create_time_utc}}",
    expected: [literal("a run/use/1970-01-01T00:00:01Z")],
  },
  {
    name: "Concat to one argument",
    argument: JSON.stringify({ Concat: ["a-", P("text"), { Concat: ["-", "b"] }] }),
    expected: [literal("a-hi-b")],
  },
  {
    name: "IfPresent to as many as it has",
    argument: JSON.stringify({
      IfPresent: { InputName: "text", Then: ["--t", P("text"), { Concat: ["x", P("text")] }] },
    }),
    expected: [literal("--t"), literal("hi"), literal("xhi")],
  },
  {
    name: "IfPresent of what is null to its Else",
    argument: JSON.stringify({ IfPresent: { InputName: "absent", Then: "a", Else: ["b"] } }),
    expected: [literal("b")],
  },
  {
    name: "IfPresent without Else to nothing",
    argument: JSON.stringify({ IfPresent: { InputName: "model", Then: "a" } }),
    expected: [],
  },
  {
    name: "IfPresent of an artifact, within Concat",
    argument: JSON.stringify({
      Concat: [
        "d=",
        { IfPresent: { InputName: "data", Then: "{{$.inputs.artifacts['data'].uri}}" } },
      ],
    }),
    expected: [literal("d=minio://mlpipeline/data")],
  },
  {
    name: "no placeholder of what a program only speaks about",
    argument: "a\n{{$.inputs.parameters['ghost']}} {{$.workspace_path}} {{$x}}",
    expected: [literal("a\n{{$.inputs.parameters['ghost']}} {{$.workspace_path}} {{$x}}")],
  },
  {
    name: "variables of the container, and no others",
    argument: "$(GREETING) $(date) $$(GREETING)",
    expected: [literal("hello hi $(date) $(GREETING)")],
  },
];

describe("planAttempt", () => {
  for (const c of cases) {
    it(`expands ${c.name}`, () => {
      const env = [
        { name: "WORD", value: "hello" },
        { name: "GREETING", value: `$(WORD) ${P("text")}` },
      ];
      const driver = withArguments([c.argument], { container: { env } });
      assert.deepEqual(planned(driver).args, c.expected);
    });
  }

  it("never searches a value for placeholders, variables or structures", () => {
    const hostile = fc
      .array(
        fc.constantFrom(
          "{{$",
          "}}",
          "{{$}}",
          P("text"),
          '{"Concat": ["a"]}',
          "$(WORD)",
          "é\n'\"\\",
        ),
        { maxLength: 6 },
      )
      .map((fragments) => fragments.join(""));
    fc.assert(
      fc.property(hostile, (value) => {
        const container = { env: [{ name: "WORD", value: "hello" }] };
        const driver = withArguments([P("text"), `{"Concat": ["<", "${P("text")}", ">"]}`], {
          container,
          given: { text: value },
        });
        assert.deepEqual(planned(driver).args, [literal(value), literal(`<${value}>`)]);
      }),
      { numRuns: 300 },
    );
  });

  it("gives outputs an address under the attempt's own root, whatever the root's options", () => {
    const spec = planned(withArguments([]));
    assert.equal(spec.taskRootUri, ROOT);
    assert.equal(spec.outputArtifacts.out?.[0]?.uri, `${ROOT}/out`);
    assert.deepEqual(spec.outputParameterTypes, { n: "NUMBER_INTEGER" });
  });

  it("takes a request before a limit and counts slots in whole CPUs", () => {
    const resources = {
      resourceCpuRequest: "1500m",
      resourceCpuLimit: "4",
      resourceMemoryLimit: "1.5Gi",
      accelerator: { resourceCount: "2", resourceType: "nvidia.com/gpu" },
    };
    assert.deepEqual(planned(withArguments([], { container: { resources } })).resources, {
      cpu: 1.5,
      memoryBytes: 1.5 * 2 ** 30,
      memoryLimitBytes: 1.5 * 2 ** 30,
      accelerators: 2,
      slots: 2,
    });
    assert.equal(planned(withArguments([])).resources.slots, 1);
  });
});

describe("compileConstant", () => {
  it("keeps every digit around the strings that hold placeholders", () => {
    const json = `{"a":12345678901234567890,"b":["${P("x")}-1",1.50],"c":"\\"{{$"}`;
    const { parts, references } = compileConstant(json);
    assert.deepEqual(references, ["x"]);
    assert.deepEqual(
      parts?.map((part) => (part.kind === "json" ? part.text : "*")),
      ['{"a":12345678901234567890,"b":[', "*", ',1.50],"c":"\\"{{$"}'],
    );
  });
});

describe("checkAttempt", () => {
  it("fails a task whose variables or arguments grow without bound", () => {
    const doubling = Array.from({ length: 40 }, (_, index) => ({
      name: `V${index}`,
      value: index === 0 ? "0123456789" : `$(V${index - 1})$(V${index - 1})`,
    }));
    const driver = withArguments([], { container: { env: doubling } });
    assert.equal(driver.task("use").error?.reason, "VALUE_TOO_LARGE");
    const args = Array.from({ length: 1_200 }, () => P("text"));
    const given = { text: "x".repeat(60_000) };
    assert.equal(withArguments(args, { given }).task("use").error?.reason, "VALUE_TOO_LARGE");
  });

  it("fails a task whose command would hold a NUL character, which no process can get", () => {
    const given = { text: "a\0b" };
    const env = [{ name: "V", value: P("text") }];
    for (const driver of [
      withArguments([`--t=${P("text")}`], { given }),
      withArguments([], { given, container: { env } }),
    ]) {
      assert.equal(driver.task("use").error?.reason, "BAD_TEXT");
    }
    assert.equal(withArguments(["{{$}}"], { given }).task("use").state, "queued");
  });
});

describe("expandVariables", () => {
  it("replaces each reference once and leaves what is inserted alone", () => {
    assert.equal(expandVariables("$(A)$(A)", { A: "$(B)", B: "no" }), "$(B)$(B)");
  });

  it("leaves what is no variable to the shell, and takes the escape off everything", () => {
    assert.equal(
      expandVariables("$(date) $$(A) $$(date) $$", { A: "x" }),
      "$(date) $(A) $(date) $$",
    );
    assert.equal(expandVariables("$(toString)", {}), "$(toString)");
  });
});
