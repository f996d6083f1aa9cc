import { create } from "@bufbuild/protobuf";
import { EventService } from "@tidemill/proto/tidemill/orchestrator/v1/event_service_pb.ts";
import { PipelineService } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import {
  GetRunRequestSchema,
  RunService,
  WatchRunRequestSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { startPostgres } from "@tidemill/testing";
import { type ContractServer, runContractSuite } from "@tidemill/testing/contract";
import { createRun, ended, startOrchestrator } from "./helpers.ts";
import { pipelineDocument } from "./pipeline-builder.ts";

const MESSAGE_BYTES_MAX = 33 * 1024 * 1024;
const NO_RUN = "01890a5d-ac96-774b-bcce-b302099a8057";

async function start(): Promise<ContractServer> {
  const postgres = await startPostgres();
  const orchestrator = await startOrchestrator(postgres);
  const single = pipelineDocument({ tasks: { only: {} } });
  const worker = orchestrator.worker();
  const over = await ended(orchestrator, await createRun(orchestrator, single));
  await worker.stop();
  const waiting = await createRun(orchestrator, single);
  const { getRun, watchRun } = RunService.method;
  return {
    httpPort: orchestrator.service.httpPort,
    grpcPort: orchestrator.service.grpcPort,
    async stop() {
      await orchestrator.stop();
      await postgres.stop();
    },
    samples: {
      succeeds: { method: getRun, request: create(GetRunRequestSchema, { id: over.id }) },
      fails: {
        method: getRun,
        request: create(GetRunRequestSchema, { id: NO_RUN }),
        code: "not_found",
        reason: "NOT_FOUND",
      },
      streams: { method: watchRun, request: create(WatchRunRequestSchema, { runId: over.id }) },
      stays: { method: watchRun, request: create(WatchRunRequestSchema, { runId: waiting.id }) },
    },
  };
}

runContractSuite({
  name: "the orchestrator",
  services: [RunService, PipelineService, EventService, WorkerService],
  messageBytesMax: MESSAGE_BYTES_MAX,
  start,
});
