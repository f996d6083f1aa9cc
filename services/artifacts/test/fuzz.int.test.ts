import { after, before, describe, it } from "node:test";
import { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { EventService } from "@tidemill/proto/tidemill/artifacts/v1/event_service_pb.ts";
import { LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { fuzzHttp, fuzzRpcs } from "@tidemill/testing/fuzz";
import { putBlob, startArtifacts, type TestArtifacts } from "./helpers.ts";

const SEED = 20_261_125;
const services = [ArtifactService, LogService, EventService];

describe("whatever is sent to the artifacts service", () => {
  let stack: TestArtifacts;
  let digest: string;
  before(async () => {
    stack = await startArtifacts();
    digest = (await putBlob(stack.origin, Buffer.from("something to read"))).digest;
  });
  after(() => stack.stop());

  it("gets an answer that is no bug, by RPC", async () => {
    await fuzzRpcs({ address: `127.0.0.1:${stack.service.grpcPort}`, services, seed: SEED });
  });

  it("gets an answer that is no bug, by HTTP", async () => {
    const port = stack.service.httpPort;
    const blobs = ["/v1/blobs", `/v1/blobs/${digest}`];
    const rpcs = services.flatMap((service) =>
      service.methods.map((method) => `/${service.typeName}/${method.name}`),
    );
    await fuzzHttp({
      address: `127.0.0.1:${port}`,
      port,
      paths: [...blobs, ...rpcs],
      seed: SEED,
    });
  });
});
