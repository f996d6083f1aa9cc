import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { DescService } from "@bufbuild/protobuf";
import { EventService as RunEvents } from "@tidemill/proto/tidemill/orchestrator/v1/event_service_pb.ts";
import { PipelineService } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_service_pb.ts";
import { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { WorkerService } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { fuzzHttp, fuzzRpcs } from "@tidemill/testing/fuzz";
import { ended, pipelines, submit } from "../src/journeys.ts";
import { startTestMesh, type TestMesh } from "../src/test-mesh.ts";

const SEED = 20_261_125;
const plainPaths = ["/", "/healthz", "/metrics", "/no/such/route"];
const DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const blobPaths = ["/v1/blobs", `/v1/blobs/${DIGEST}`, "/v1/blobs/not-a-digest"];

const orchestrator = [PipelineService, RunService, RunEvents, WorkerService];

function pathsOf(services: readonly DescService[]): string[] {
  return services.flatMap(({ typeName, methods }) =>
    methods.map((method) => `/${typeName}/${method.name}`),
  );
}

/** Resident memory of a process, from the kernel. */
function rssOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

describe("a mesh under fuzz", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startTestMesh();
  });
  after(() => mesh.stop());
  const rss = (name: string) => () => rssOf(mesh.pids()[name]);

  it("every RPC of the orchestrator", async () => {
    const address = `127.0.0.1:${mesh.ports.orchestratorGrpc}`;
    const token = readFileSync(join(mesh.home, "credentials", "worker-token"), "utf8").trim();
    const options = { address, seed: SEED, rssBytes: rss("orchestrator") };
    await fuzzRpcs({ ...options, services: orchestrator });
    await fuzzRpcs({ ...options, services: [WorkerService], token });
  });

  it("every HTTP route of the orchestrator", async () => {
    const { orchestratorHttp: port, orchestratorGrpc } = mesh.ports;
    const paths = [...pathsOf(orchestrator), ...plainPaths];
    const address = `127.0.0.1:${orchestratorGrpc}`;
    await fuzzHttp({ address, port, paths, seed: SEED, rssBytes: rss("orchestrator") });
  });

  // Its RPCs are fuzzed by services/artifacts/test/fuzz.int.test.ts.
  it("the plain routes of artifacts", async () => {
    const { artifactsHttp: port, artifactsGrpc } = mesh.ports;
    const paths = [...plainPaths, ...blobPaths];
    const address = `127.0.0.1:${artifactsGrpc}`;
    await fuzzHttp({ address, port, paths, seed: SEED, rssBytes: rss("artifacts") });
  });

  it("the worker's port", async () => {
    const { worker: port } = mesh.ports;
    const address = `127.0.0.1:${port}`;
    await fuzzHttp({ address, port, paths: plainPaths, seed: SEED, rssBytes: rss("worker") });
  });

  it("a run still goes through afterwards", async () => {
    await ended(mesh, await submit(mesh, pipelines.sumOfSquares), "SUCCEEDED");
  });
});
