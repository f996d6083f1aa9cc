import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import {
  AppendLogRequestSchema,
  LogService,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { PipelineService } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { arbitraryMessage } from "@tidemill/testing/fuzz";
import fc from "fast-check";
import { isSurelyValid } from "./surely-valid.ts";

const SEED = 20_261_125;
const services = [ArtifactService, LogService, PipelineService, RunService, WorkerService];
const methods = services.flatMap((service) => [...service.methods]);

describe("a message that is called surely valid", () => {
  const validator = createValidator();
  for (const { name, input } of methods) {
    it(`passes the validator too: ${name}`, () => {
      fc.assert(
        fc.property(arbitraryMessage(input), (message) => {
          const surely = isSurelyValid(input, message);
          return !surely || validator.validate(input, message).kind === "valid";
        }),
        { seed: SEED, numRuns: 100 },
      );
    });
  }
  it("is the ordinary one", () => {
    const id = "01890a5d-ac96-774b-bcce-b302099a8057";
    const key = { runId: id, taskId: id, attempt: 1, stream: "stdout" };
    const ordinary = create(AppendLogRequestSchema, { key, data: new Uint8Array(200) });
    assert.ok(isSurelyValid(AppendLogRequestSchema, ordinary));
    assert.ok(
      !isSurelyValid(AppendLogRequestSchema, create(AppendLogRequestSchema, { key, offset: -1n })),
    );
    assert.ok(!isSurelyValid(AppendLogRequestSchema, create(AppendLogRequestSchema, {})));
  });
});
