import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { ended, outputOf, pipelines, submit, taskOf } from "../src/journeys.ts";
import { type Json, leaveSharedMesh, sharedMesh, type TestMesh } from "../src/test-mesh.ts";

after(leaveSharedMesh);

describe("examples/simple-ml-workflow", () => {
  let mesh: TestMesh;
  let document: Json;
  before(async () => {
    mesh = await sharedMesh();
    document = await ended(mesh, await submit(mesh, pipelines.demo), "SUCCEEDED");
  });

  it("returns accuracy and verdict", () => {
    assert.equal(outputOf(document, "accuracy"), 37 / 38);
    assert.equal(outputOf(document, "verdict"), "good enough");
  });

  it("hands NamedTuple outputs and parameters from task to task", () => {
    const values = (path: string) => taskOf(document, path).outputParametersJson;
    assert.equal(values("load").rows, "150");
    assert.deepEqual(JSON.parse(values("load").species), ["setosa", "versicolor", "virginica"]);
    assert.equal(values("preprocess").train_rows, "112");
    assert.equal(values("preprocess").test_rows, "38");
    assert.equal(taskOf(document, "preprocess").inputParametersJson.test_share, "0.25");
    assert.ok(Number(values("train").iterations) > 0);
  });

  it("keeps datasets, model and metrics as artifacts of their types", () => {
    const types = document.artifacts.map((artifact: Json) => artifact.schemaTitle).sort();
    assert.deepEqual(types, [
      "system.ClassificationMetrics",
      "system.Dataset",
      "system.Dataset",
      "system.Dataset",
      "system.Metrics",
      "system.Model",
    ]);
    const metadata = (title: string) =>
      JSON.parse(
        document.artifacts.find((artifact: Json) => artifact.schemaTitle === title).metadataJson,
      );
    assert.equal(metadata("system.Metrics").accuracy, 37 / 38);
    assert.equal(metadata("system.Model").framework, "scikit-learn");
    assert.deepEqual(
      metadata("system.ClassificationMetrics").confusionMatrix.rows.map((entry: Json) => entry.row),
      [
        [13, 0, 0],
        [0, 12, 1],
        [0, 0, 12],
      ],
    );
  });

  it("gives the bytes of an artifact back", async () => {
    const flowers = document.artifacts.find((artifact: Json) => artifact.name === "flowers");
    const path = join(tempDir("artifact"), "flowers.csv");
    const result = await mesh.cli(["artifact", "get", flowers.id, "--output", path]);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.equal(readFileSync(path, "utf8").trim().split("\n").length, 151);
  });

  it("keeps what the tasks printed", async () => {
    const { stdout } = await mesh.cli(["run", "logs", document.run.id, "evaluate"]);
    assert.match(stdout, /accuracy 0\.974: good enough/);
  });

  it("really installed scikit-learn, once for all four tasks", async () => {
    const { environments } = await mesh.json(["env", "list"]);
    const built = environments.filter((entry: Json) =>
      entry.requirements.includes("scikit-learn==1.7.2"),
    );
    assert.equal(built.length, 1);
  });

  it("takes parameters by their types, and says so when one does not fit", async () => {
    const strict = await submit(mesh, pipelines.demo, { accuracy_min: 0.999, seed: 11 });
    assert.equal(outputOf(await ended(mesh, strict, "SUCCEEDED"), "verdict"), "not good enough");
    const wrong = await mesh.cli(["run", "submit", pipelines.demo, "-p", "seed=eleven"]);
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.stderr, /-p seed=eleven: NUMBER_INTEGER takes a whole number/);
  });
});

describe("examples/simple-ml-workflow-paths", () => {
  it("hands files under /tmp on by their paths, on another image's Python", async () => {
    const mesh = await sharedMesh();
    const folder = tempDir("paths");
    const document = await ended(
      mesh,
      await submit(mesh, pipelines.paths, { folder }),
      "SUCCEEDED",
    );
    assert.equal(
      taskOf(document, "load-data").outputParametersJson.Output,
      JSON.stringify(join(folder, "iris.pickle")),
    );
    const accuracy = outputOf(document, "Output");
    assert.ok(accuracy > 0.9 && accuracy <= 1, `accuracy ${accuracy}`);
  });
});
