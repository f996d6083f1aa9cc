import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  ResourceRequestSchema,
  StartAttemptSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { tempDir } from "@tidemill/testing";
import { layOutAttempt } from "./executor-input.ts";
import { listTree } from "./list-tree.ts";
import { customPathOf, localPathOf } from "./local-paths.ts";
import { parseLossless } from "./lossless-json.ts";
import { checkParameterValue, parseParameterFile } from "./output-values.ts";
import { resourceWarnings } from "./resource-warnings.ts";

const directories = { mounts: "/runs/r", work: "/runs/r/attempts/a/work" };

describe("the local path of an address", () => {
  const cases: readonly [uri: string, path: string, schemaTitle?: string][] = [
    ["minio://mlpipeline/v2/x", "/runs/r/minio/mlpipeline/v2/x"],
    ["s3://bucket/x y/ü", "/runs/r/s3/bucket/x y/ü"],
    ["gs://bucket/x", "/runs/r/gcs/bucket/x"],
    ["oci://host/image:1", "/runs/r/oci/host_image:1"],
    ["oci://host/image:1", "/runs/r/oci/host_image:1/models", "system.Model"],
    ["/data/out", "/data/out"],
    ["out/file", "/runs/r/attempts/a/work/out/file"],
    ["abfss://c@a/x", "/runs/r/attempts/a/work/abfss:/c@a/x"],
  ];
  for (const [uri, path, schemaTitle] of cases) {
    it(`of ${uri} is ${path}`, () => {
      assert.equal(localPathOf(uri, directories, schemaTitle), path);
    });
  }

  for (const uri of ["minio://a/../../b", "../x", "/data/../etc", "", "s3://a\0b"]) {
    it(`is refused for ${JSON.stringify(uri)}`, () => {
      assert.throws(() => localPathOf(uri, directories), { reason: "ARTIFACT_PATH_INVALID" });
    });
  }

  it("that user code chose may be its own, its run's or a temporary one", () => {
    const temporary = ["/tmp"];
    const chosen = (path: string) => customPathOf(path, directories, temporary);
    assert.equal(chosen("model.bin"), "/runs/r/attempts/a/work/model.bin");
    assert.equal(chosen("/tmp/model"), "/tmp/model");
    assert.equal(chosen("/runs/r/minio/x"), "/runs/r/minio/x");
    for (const path of ["/etc/passwd", "../../x", "/tmpfile", "/runs/other"]) {
      assert.throws(() => chosen(path), { reason: "ARTIFACT_PATH_INVALID" });
    }
  });
});

describe("the executor input", () => {
  const start = create(StartAttemptSchema, {
    taskRootUri: "minio://b/root",
    outputParameterTypes: { "a/b": "STRING" },
    inputArtifacts: {
      in: { artifacts: [{ name: "in", uri: "s3://x/in", instanceSchema: "title: T" }] },
    },
    outputArtifacts: {
      out: {
        artifacts: [
          {
            name: "out",
            uri: "minio://b/root/out",
            metadataJson: '{"n":1.0}',
            schemaTitle: "system.Model",
            schemaVersion: "0.0.1",
          },
        ],
      },
    },
    args: [
      { parts: [{ part: { case: "executorInput", value: true } }] },
      {
        parts: [
          { part: { case: "literal", value: "--in={{$}}" } },
          { part: { case: "inputArtifactPath", value: "in" } },
          { part: { case: "inputParameter", value: "text" } },
          { part: { case: "inputParameter", value: "list" } },
        ],
      },
      { parts: [{ part: { case: "executorOutputFile", value: true } }] },
      { parts: [{ part: { case: "outputParameterFile", value: "a/b" } }] },
    ],
  });
  const parameters = new Map([
    ["text", '"say \\"{{$}}\\""'],
    ["list", "[1.0, 12345678901234567890]"],
  ]);
  const layout = layOutAttempt(start, parameters, directories, "/outputs");

  it("is what KFP documents, with every number as it was written", () => {
    assert.match(layout.executorInput, /"list":\[1\.0, 12345678901234567890\]/);
    assert.match(layout.executorInput, /"metadata":\{"n":1\.0\}/);
    const parsed = JSON.parse(layout.executorInput);
    assert.equal(parsed.inputs.parameterValues.text, 'say "{{$}}"');
    assert.deepEqual(parsed.inputs.artifacts.in.artifacts[0].type, { instanceSchema: "title: T" });
    assert.equal(parsed.outputs.outputFile, "/runs/r/minio/b/root/output_metadata.json");
    assert.deepEqual(parsed.outputs.parameters["a/b"], { outputFile: "/outputs/output-0-a_b" });
  });

  it("goes into the command once, and what goes in is never scanned again", () => {
    assert.deepEqual(layout.args, [
      layout.executorInput,
      '--in={{$}}/runs/r/s3/x/insay "{{$}}"[1.0, 12345678901234567890]',
      "/runs/r/minio/b/root/output_metadata.json",
      "/outputs/output-0-a_b",
    ]);
  });
});

describe("the file of an output parameter", () => {
  const cases: readonly [type: string, text: string, json: string][] = [
    ["STRING", " a\n", '" a\\n"'],
    ["NUMBER_INTEGER", " +12345678901234567890\n", "12345678901234567890"],
    ["NUMBER_DOUBLE", "1e3\n", "1e3"],
    ["NUMBER_DOUBLE", ".5", "0.5"],
    ["BOOLEAN", "T\n", "true"],
    ["BOOLEAN", "0", "false"],
    ["LIST", "[1.0, 2]\n", "[1.0,2]"],
    ["STRUCT", '{"a": 1}', '{"a":1}'],
  ];
  for (const [type, text, json] of cases) {
    it(`holding ${JSON.stringify(text)} is ${json} as ${type}`, () => {
      assert.equal(parseParameterFile("x", type, text), json);
    });
  }

  const wrong: readonly [type: string, text: string][] = [
    ["NUMBER_INTEGER", "1.5"],
    ["NUMBER_DOUBLE", ""],
    ["NUMBER_DOUBLE", "Infinity"],
    ["BOOLEAN", "yes"],
    ["LIST", "{}"],
    ["STRUCT", "[1"],
  ];
  for (const [type, text] of wrong) {
    it(`holding ${JSON.stringify(text)} is no ${type}`, () => {
      assert.throws(() => parseParameterFile("x", type, text), { reason: "OUTPUT_INVALID" });
    });
  }
});

describe("a value that a component returned", () => {
  it("keeps its digits", () => {
    const value = parseLossless("[3.0, 9007199254740993]");
    assert.equal(checkParameterValue("x", "LIST", value), "[3.0,9007199254740993]");
  });

  it("is refused when it is of another type, or no JSON has it", () => {
    const cases: readonly [string, string][] = [
      ["STRING", "1"],
      ["NUMBER_INTEGER", "1.5"],
      ["NUMBER_DOUBLE", "NaN"],
      ["STRUCT", "[]"],
    ];
    for (const [type, text] of cases) {
      const value = parseLossless(text);
      assert.throws(() => checkParameterValue("x", type, value), { reason: "OUTPUT_INVALID" });
    }
  });

  it("is quoted once in the message, and a number that is none not at all", () => {
    for (const [text, returned] of [
      ["NaN", "NaN"],
      ["-Infinity", "-Infinity"],
      ['"much"', '"much"'],
      ["[1]", "[1]"],
    ] as const) {
      assert.throws(() => checkParameterValue("x", "NUMBER_DOUBLE", parseLossless(text)), {
        message: `output parameter "x" must be a NUMBER_DOUBLE: the component returned ${returned}`,
      });
    }
  });

  it("may be a bool where an int is declared, as in Python", () => {
    assert.equal(checkParameterValue("x", "NUMBER_INTEGER", true), "1");
  });

  it("has NaN and Infinity of Python as strings, and leaves strings alone", () => {
    const text = '{"a": NaN, "b": -Infinity, "c": "NaN Infinity \\" NaN"}';
    assert.deepEqual(parseLossless(text), { a: "NaN", b: "-Infinity", c: 'NaN Infinity " NaN' });
  });
});

describe("the files of an output directory", () => {
  it("are all listed, links inside included", async () => {
    const root = tempDir("tree");
    mkdirSync(join(root, "a"));
    writeFileSync(join(root, "a", "run.sh"), "", { mode: 0o755 });
    symlinkSync("a/run.sh", join(root, "link"));
    symlinkSync("nowhere", join(root, "broken"));
    const files = await listTree(root);
    assert.deepEqual(
      files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
      [
        { path: "a/run.sh", executable: true },
        { path: "link", executable: true },
      ],
    );
  });

  it("may not be links that leave it", async () => {
    const root = tempDir("tree");
    symlinkSync("/etc/hostname", join(root, "out"));
    await assert.rejects(listTree(root), { reason: "ARTIFACT_PATH_INVALID" });
  });
});

describe("links inside an output directory", () => {
  it("may not lead back to a directory that they lie in", async () => {
    const root = tempDir("tree");
    mkdirSync(join(root, "a"));
    for (const name of ["one", "two"]) symlinkSync("..", join(root, "a", name));
    await assert.rejects(listTree(root), { message: /"a\/one".*which has no end/ });
  });

  it("may not make a tree without end of a few directories", async () => {
    const root = tempDir("tree");
    for (let at = 0; at < 30; at += 1) {
      mkdirSync(join(root, `d${at}`));
      for (const name of ["x", "y"]) symlinkSync(`../d${at + 1}`, join(root, `d${at}`, name));
    }
    mkdirSync(join(root, "d30"));
    await assert.rejects(listTree(root, 500), { reason: "ARTIFACT_FILES_MAX" });
  });
});

describe("a resource request", () => {
  const machine = { slots: 2, memoryBytes: 8 * 1024 ** 3, watchesMemory: true };
  const cases: readonly [
    string,
    { cpu?: number; memoryBytes?: bigint; accelerators?: number },
    number,
  ][] = [
    ["within the machine draws no remark", { cpu: 2, memoryBytes: 1024n }, 0],
    ["for more CPUs draws one", { cpu: 2.5 }, 1],
    ["for more of everything draws three", { cpu: 9, memoryBytes: 1n << 40n, accelerators: 1 }, 3],
  ];
  for (const [name, request, count] of cases) {
    it(name, () => {
      const warnings = resourceWarnings(create(ResourceRequestSchema, request), machine);
      assert.equal(warnings.length, count);
    });
  }

  it("with a limit that nobody watches says so", () => {
    const request = create(ResourceRequestSchema, { memoryLimitBytes: 1024n });
    assert.deepEqual(resourceWarnings(request, machine), []);
    const [warning] = resourceWarnings(request, { ...machine, watchesMemory: false });
    assert.equal(warning?.code, "RESOURCE_LIMIT_NOT_ENFORCED");
  });
});
