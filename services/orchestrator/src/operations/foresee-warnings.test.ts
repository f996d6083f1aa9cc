import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pipelineDocument } from "../../test/pipeline-builder.ts";
import { parseSpec } from "../domain/parse-spec.ts";
import { foreseeWarnings } from "./foresee-warnings.ts";

function warningsFor(image: string, resources: object = {}) {
  const { spec } = parseSpec([
    pipelineDocument({
      tasks: { a: { component: "own" }, b: { component: "own" } },
      components: { own: { executorLabel: "exec-own" } },
      executors: { "exec-own": { container: { image, command: ["echo"], resources } } },
    }),
  ]);
  return foreseeWarnings(spec).map(({ code, message }) => `${code}: ${message}`);
}

describe("foreseeWarnings", () => {
  it("has nothing to say about images that are known here", () => {
    for (const image of ["python:3.11", "alpine", "docker.io/library/debian:bookworm"]) {
      assert.deepEqual(warningsFor(image), []);
    }
  });

  it("names an image that is not going to be run, once for all of its tasks", () => {
    assert.deepEqual(warningsFor("gcr.io/mine/trainer:1"), [
      'IMAGE_NOT_RUN: image "gcr.io/mine/trainer:1" will not be run: ' +
        "its command runs on the worker's machine instead",
    ]);
  });

  it("says that there are no accelerators", () => {
    const resources = { accelerator: { resourceType: "nvidia.com/gpu", resourceCount: "1" } };
    assert.deepEqual(warningsFor("python:3.11", resources), [
      'RESOURCES_CLAMPED: component "own" asks for 1 accelerator, and workers hand out none: ' +
        "it runs without",
    ]);
  });
});
