import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { AlreadyExistsError } from "@tidemill/errors";
import {
  GetPipelineResponseSchema,
  type UploadPipelineRequestSchema,
  UploadPipelineResponseSchema,
  type UploadPipelineVersionRequestSchema,
  UploadPipelineVersionResponseSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import { keepPipeline } from "./keep-pipeline.ts";

/** A mesh with one name inside every specification. */
function meshOf(inside: string) {
  const versions = new Map<string, string[]>();
  return {
    versions,
    async uploadPipeline(request: MessageInitShape<typeof UploadPipelineRequestSchema>) {
      const name = request.name || inside;
      if (versions.has(name)) throw new AlreadyExistsError("pipeline", name);
      const versionName = request.versionName || "v1";
      versions.set(name, [versionName]);
      return create(UploadPipelineResponseSchema, {
        pipeline: { name },
        version: { name: versionName },
      });
    },
    getPipeline: async ({ key }: { key?: { value?: unknown } }) =>
      create(GetPipelineResponseSchema, { pipeline: { id: `id of ${key?.value}` } }),
    async uploadPipelineVersion(
      request: MessageInitShape<typeof UploadPipelineVersionRequestSchema>,
    ) {
      const of = versions.get(request.pipelineId?.replace("id of ", "") ?? "") ?? [];
      const name = request.name || `v${of.length + 1}`;
      if (of.includes(name)) throw new AlreadyExistsError("pipeline version", name);
      of.push(name);
      return create(UploadPipelineVersionResponseSchema, { version: { name } });
    },
  };
}

describe("keepPipeline", () => {
  const request = {
    namespace: "",
    requestId: "",
    name: "",
    version: "",
    description: "",
    source: { source: { case: "spec", value: new Uint8Array() } },
  } as const;

  it("adds a version to the pipeline of the name inside the specification", async () => {
    const mesh = meshOf("iris");
    const first = await keepPipeline(mesh, request, {});
    const second = await keepPipeline(mesh, request, {});
    assert.deepEqual([first.pipeline, first.version.name], ["iris", "v1"]);
    assert.deepEqual([second.pipeline, second.version.name], ["iris", "v2"]);
  });

  it("adds one to the pipeline that is named, and to no other", async () => {
    const mesh = meshOf("iris");
    for (const name of ["mine", "", "mine"]) await keepPipeline(mesh, { ...request, name }, {});
    assert.deepEqual(Object.fromEntries(mesh.versions), { mine: ["v1", "v2"], iris: ["v1"] });
  });

  it("names the version that is there already", async () => {
    const mesh = meshOf("iris");
    const named = { ...request, version: "best" };
    await keepPipeline(mesh, named, {});
    await assert.rejects(keepPipeline(mesh, named, {}), /pipeline version "best" already exists/);
  });
});
