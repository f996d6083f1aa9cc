import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { connect } from "@nats-io/transport-node";
import { ArtifactCreatedSchema } from "@tidemill/proto/tidemill/artifacts/v1/events_pb.ts";
import { eventually, startNats, type TestNats } from "@tidemill/testing";
import { startArtifacts, type TestArtifacts } from "./helpers.ts";

describe("events of artifacts", () => {
  let nats: TestNats;
  let stack: TestArtifacts;
  before(async () => {
    nats = await startNats();
    stack = await startArtifacts({ nats: { url: nats.url, token: nats.token } });
  });
  after(async () => {
    await stack.stop();
    await nats.stop();
  });

  it("reach a subscriber, also those made while the broker was away", async () => {
    const names: string[] = [];
    const listen = async () => {
      const connection = await connect({
        servers: nats.url.replace("nats://", ""),
        token: nats.token,
      });
      connection.subscribe("tidemill.artifacts.default.artifact.created.v1", {
        callback: (_, message) => {
          names.push(fromBinary(ArtifactCreatedSchema, message.data).artifact?.name ?? "");
        },
      });
      await connection.flush();
      return connection;
    };
    const first = await listen();
    await stack.artifacts.createArtifact({ name: "one" });
    await eventually(() => names.includes("one"));
    await first.close();
    await nats.kill9();
    await stack.artifacts.createArtifact({ name: "two" });
    await nats.start();
    const second = await listen();
    const page = await eventually(async () => {
      const { events } = await stack.events.listEvents({});
      return events.length === 2 ? events : undefined;
    });
    assert.deepEqual(
      page.map((event) => event.position),
      [1n, 2n],
    );
    await stack.artifacts.createArtifact({ name: "three" });
    await eventually(() => names.includes("three"));
    await second.close();
  });
});
