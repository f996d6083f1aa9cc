import { connect } from "node:net";
import type { Client } from "@connectrpc/connect";
import { UnavailableError } from "@tidemill/errors";
import type { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import type { PipelineService } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import type { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import type { CommandContext } from "../context.ts";
import { INLINE_BYTES_MAX } from "./pipeline-source.ts";

/** Clients that are opened when first asked for, and closed together. */
export interface Clients {
  runs(): Promise<Client<typeof RunService>>;
  pipelines(): Promise<Client<typeof PipelineService>>;
  artifacts(): Promise<Client<typeof ArtifactService>>;
}

/** A specification and what stands around it. */
const messageBytesMax = INLINE_BYTES_MAX + 1024 * 1024;

interface Closable {
  close(): void | Promise<void>;
}

/** Runs `use` with the clients of the mesh that the command line means. */
export async function withClients<Result>(
  context: CommandContext,
  use: (clients: Clients) => Promise<Result>,
): Promise<Result> {
  const opened: Closable[] = [];
  const keep = <Opened extends Closable>(client: Opened): Opened => {
    opened.push(client);
    return client;
  };
  const { orchestratorGrpc, artifactsGrpc, isRecorded } = await context.address();
  if (!isRecorded) await requireListener(orchestratorGrpc);
  const load = () => import("@tidemill/rpc/client");
  try {
    return await use({
      async runs() {
        const [{ createMeshClient }, { RunService }] = await Promise.all([
          load(),
          import("@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts"),
        ]);
        return keep(createMeshClient(RunService, { address: orchestratorGrpc, messageBytesMax }));
      },
      async pipelines() {
        const [{ createMeshClient }, { PipelineService }] = await Promise.all([
          load(),
          import("@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts"),
        ]);
        return keep(
          createMeshClient(PipelineService, { address: orchestratorGrpc, messageBytesMax }),
        );
      },
      async artifacts() {
        const [{ createMeshClient }, { ArtifactService }] = await Promise.all([
          load(),
          import("@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts"),
        ]);
        return keep(createMeshClient(ArtifactService, { address: artifactsGrpc }));
      },
    });
  } finally {
    await Promise.all(opened.map((client) => client.close()));
  }
}

/**
 * Says at once that nobody listens. A client by itself tries for a while, which is right while a
 * mesh restarts and wrong where there is none.
 */
function requireListener(address: string): Promise<void> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), timeout: PROBE_MS_MAX });
    const fail = () => {
      socket.destroy();
      reject(new UnavailableError("orchestrator", `no mesh answers at ${address}`));
    };
    socket.once("error", fail);
    socket.once("timeout", fail);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}

const PROBE_MS_MAX = 3000;
