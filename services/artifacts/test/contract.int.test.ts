import { create } from "@bufbuild/protobuf";
import {
  ArtifactService,
  CreateArtifactRequestSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { EventService } from "@tidemill/proto/tidemill/artifacts/v1/event_service_pb.ts";
import {
  LogService,
  ReadLogRequestSchema,
  SealLogRequestSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { type ContractServer, runContractSuite } from "@tidemill/testing/contract";
import { newLogKey, startArtifacts } from "./helpers.ts";

async function start(): Promise<ContractServer> {
  const stack = await startArtifacts();
  const sealed = newLogKey();
  const data = Buffer.from("one line\n");
  await stack.logs.appendLog({ key: sealed, data });
  await stack.logs.sealLog({ key: sealed, sizeBytes: BigInt(data.length) });
  const open = newLogKey();
  await stack.logs.appendLog({ key: open, data });
  return {
    httpPort: stack.service.httpPort,
    grpcPort: stack.service.grpcPort,
    stop: () => stack.stop(),
    samples: {
      succeeds: {
        method: ArtifactService.method.createArtifact,
        request: create(CreateArtifactRequestSchema, { name: "model", requestId: "contract" }),
      },
      fails: {
        method: LogService.method.sealLog,
        request: create(SealLogRequestSchema, { key: open, sizeBytes: 1n }),
        code: "failed_precondition",
        reason: "LOG_SIZE_DIFFERS",
      },
      streams: {
        method: LogService.method.readLog,
        request: create(ReadLogRequestSchema, { key: sealed, follow: true }),
      },
      stays: {
        method: LogService.method.readLog,
        request: create(ReadLogRequestSchema, { key: open, follow: true }),
      },
    },
  };
}

runContractSuite({
  name: "artifacts",
  services: [ArtifactService, LogService, EventService],
  start,
});
