import { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { createMeshClient, type MeshClient } from "@tidemill/rpc";

/** Clients of the services that a worker calls. */
export interface MeshClients {
  readonly orchestrator: MeshClient<typeof WorkerService>;
  readonly artifacts: MeshClient<typeof ArtifactService>;
  readonly logs: MeshClient<typeof LogService>;
  close(): void;
}

export interface MeshAddresses {
  readonly orchestratorGrpc: string;
  readonly artifactsGrpc: string;
  readonly token: string | undefined;
}

/** The parameters of a task and the list of a tree travel in one message. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export function createMeshClients(addresses: MeshAddresses): MeshClients {
  const shared = { token: addresses.token, messageBytesMax: MESSAGE_BYTES_MAX };
  const toOrchestrator = { ...shared, address: addresses.orchestratorGrpc };
  const toArtifacts = { ...shared, address: addresses.artifactsGrpc };
  const orchestrator = createMeshClient(WorkerService, toOrchestrator);
  const artifacts = createMeshClient(ArtifactService, toArtifacts);
  const logs = createMeshClient(LogService, toArtifacts);
  return {
    orchestrator,
    artifacts,
    logs,
    close() {
      for (const client of [orchestrator, artifacts, logs]) client.close();
    },
  };
}
