import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { InvalidError } from "@tidemill/errors";
import { AppendLogRequestSchema } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { CreateRunRequestSchema } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { requireValid } from "./validation.ts";

describe("validation", () => {
  it("names every field that breaks a rule", () => {
    const request = create(AppendLogRequestSchema, { offset: -1n });
    const check = () => requireValid(AppendLogRequestSchema, request);
    assert.throws(check, (error) => {
      assert.ok(error instanceof InvalidError);
      assert.equal(error.reason, "INVALID_REQUEST");
      assert.deepEqual(
        error.violations.map(({ field }) => field),
        ["key", "offset"],
      );
      return true;
    });
  });

  it("names the fields of a oneof, of which one has to be set", () => {
    assert.throws(
      () => requireValid(CreateRunRequestSchema, create(CreateRunRequestSchema)),
      /^InvalidError: pipeline: exactly one field is required.*: source, pipeline_version_id$/,
    );
  });
});
