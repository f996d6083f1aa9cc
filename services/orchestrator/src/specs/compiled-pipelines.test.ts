import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { driveRun, jsonParameters } from "../../test/run-driver.ts";
import type { ArtifactValue } from "../domain/parameter-value.ts";
import { type Argument, planAttempt } from "../domain/plan-attempt.ts";
import { parseText } from "./parse-text.ts";

/** A pipeline that the compiler made, as the document it is. */
function compiled(name: string): object {
  const file = new URL(`../../test/specs/${name}.yaml`, import.meta.url);
  const [document] = parseText(readFileSync(file, "utf8")).documents;
  assert.ok(typeof document === "object" && document !== null);
  return document;
}

/** An artifact as a worker reports it. */
function artifact(name: string, schemaTitle: string): ArtifactValue {
  return {
    id: `id-${name}`,
    name,
    schemaTitle,
    schemaVersion: "0.0.1",
    instanceSchema: "",
    uri: `minio://mlpipeline/${name}`,
    metadataJson: "{}",
    digest: "d",
    tree: false,
    sizeBytes: 1,
  };
}

const textOf = (argument: Argument): string =>
  argument.map((part) => (part.kind === "literal" ? part.text : `<${part.kind}>`)).join("");

describe("the pipeline of test/specs/values.py, as compiled", () => {
  it("passes every value on as it was written", () => {
    const driver = driveRun(compiled("values"), { count: 4 });

    assert.deepEqual(driver.task("measure").inputParameters, {
      ...jsonParameters({ count: 4, rate: 1.5, deep: true, items: [1, 2, 3], options: { a: 1 } }),
      ...jsonParameters({ "pipelinechannel--name": "x", note: "before-x-a run" }),
    });
    const measure = planAttempt(driver.run, driver.task("measure"), "m1");
    assert.deepEqual(measure.env, { COLOUR: "blue" });
    assert.deepEqual(measure.resources, {
      cpu: 0.5,
      memoryBytes: 2 ** 30,
      memoryLimitBytes: 2 ** 30,
      accelerators: 0,
      slots: 1,
    });
    assert.deepEqual(measure.args.map(textOf), [
      "--executor_input",
      "<executorInput>",
      "--function_to_execute",
      "measure",
    ]);
    driver.succeed("measure", { total: 5, label: 'it\'s "quoted"' });

    // An input that nobody gives has its default, or null, within the nested pipeline.
    assert.deepEqual(
      driver.task("inner").inputParameters,
      jsonParameters({ rows: 5, mode: "slow", note: null }),
    );
    const table = artifact("table", "system.Dataset");
    driver.succeed("inner/produce", { Output: "produced" }, { table: [table] });
    assert.deepEqual(
      driver.task("inner/consume").inputParameters,
      jsonParameters({ mode: "slow" }),
    );
    assert.deepEqual(driver.task("inner/consume").inputArtifacts, { table: [table] });
    driver.succeed("inner/consume", {});

    const first = planAttempt(driver.run, driver.task("describe"), "d1");
    assert.deepEqual(first.args.map(textOf), [
      "text=produced",
      "<outputParameterFile>",
      "<outputArtifactPath>",
      "minio://mlpipeline/v2/artifacts/values/run-1/describe/d1/copy",
      "--no-extra",
    ]);
    driver.succeed("describe", { note: "n" }, { copy: [artifact("copy", "system.Artifact")] });
    const second = planAttempt(driver.run, driver.task("describe-2"), "d2");
    assert.deepEqual(second.args.slice(4).map(textOf), [
      "--extra",
      'it\'s "quoted"',
      'again=it\'s "quoted"',
    ]);
    assert.equal(second.args.map(textOf)[0], "text=run-1");
    driver.succeed("describe-2", { note: "n" }, { copy: [artifact("copy", "system.Artifact")] });
    assert.equal(driver.run.state, "succeeded");
    assert.deepEqual(driver.run.outputParameters, jsonParameters({ Output: "produced" }));
  });
});

describe("the pipeline of test/specs/settings.py, as compiled", () => {
  it("takes image and resources from values, and shows artifacts in every way", () => {
    const driver = driveRun(compiled("settings"));
    assert.equal(driver.task("check").state, "pending");
    driver.succeed("size", { Output: "2Gi" });
    const check = planAttempt(driver.run, driver.task("check"), "c1");
    assert.equal(check.image, "python:3.12");
    assert.deepEqual(check.resources, {
      cpu: 1.5,
      memoryBytes: 2 * 2 ** 30,
      memoryLimitBytes: 0,
      accelerators: 0,
      slots: 2,
    });
    assert.equal(driver.task("check").plan.displayName, "Überprüfung");
    driver.succeed("check", { Output: true });
    const data = { ...artifact("data", "system.Dataset"), metadataJson: '{"mode":"b"}' };
    driver.succeed("collect", {}, { Output: [data] });
    const show = planAttempt(driver.run, driver.task("show"), "s1");
    assert.deepEqual(show.args.map(textOf), [
      "minio://mlpipeline/data",
      "<inputArtifactPath>",
      "b",
      '{"mode":"b"}',
      "--times",
      "3",
      "--data=<inputArtifactPath>",
    ]);
    const evaluate = planAttempt(driver.run, driver.task("evaluate"), "e1");
    assert.deepEqual(Object.keys(evaluate.inputArtifacts), ["data", "path"]);
    assert.deepEqual(
      Object.values(evaluate.outputArtifacts).map(([first]) => first?.schemaTitle),
      [
        "system.ClassificationMetrics",
        "system.Metrics",
        "system.Markdown",
        "system.HTML",
        "system.SlicedClassificationMetrics",
      ],
    );
  });
});
