import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { UnavailableError } from "@tidemill/errors";
import { startNats, type TestNats } from "@tidemill/testing";
import { createStreamPublisher, type StreamMessage } from "../src/stream-publisher.ts";

const TIMEOUT_MS = 5_000;

function message(id: string, subject = "tidemill.test.a"): StreamMessage {
  return { id, subject, data: Buffer.from(id), headers: headers() };
}

describe("publishing to a stream", () => {
  let nats: TestNats;

  before(async () => {
    nats = await startNats();
  });
  after(() => nats.stop());

  async function publisherTo(stream: string) {
    const connection = await connect({ servers: nats.url, token: nats.token, reconnect: false });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({
      name: "TIDEMILL_TEST",
      subjects: ["tidemill.test.>"],
      storage: StorageType.File,
    });
    return { connection, publisher: createStreamPublisher(connection, stream, TIMEOUT_MS) };
  }

  it("answers the sequence, and for a repeat the sequence it had", async () => {
    const { connection, publisher } = await publisherTo("TIDEMILL_TEST");
    const sequences = await Promise.all(
      ["1", "2", "3"].map((id) => publisher.publish(message(id))),
    );
    assert.deepEqual(sequences, [1, 2, 3]);
    assert.equal(await publisher.publish(message("2")), 2);
    await connection.close();
  });

  it("fails for a stream that is another one, and for a subject that none takes", async () => {
    const { connection, publisher } = await publisherTo("TIDEMILL_OTHER");
    await assert.rejects(publisher.publish(message("4")), UnavailableError);
    await assert.rejects(publisher.publish(message("5", "tidemill.none.a")), UnavailableError);
    await connection.close();
  });

  it("fails what waits when the broker dies, and whatever comes after it", async () => {
    const { connection, publisher } = await publisherTo("TIDEMILL_TEST");
    const ended = connection.closed();
    const waiting = Promise.allSettled(
      Array.from({ length: 500 }, (_, index) => publisher.publish(message(`x-${index}`))),
    );
    await nats.kill9();
    await ended;
    for (const outcome of await waiting) {
      if (outcome.status === "rejected") assert.ok(outcome.reason instanceof UnavailableError);
    }
    await assert.rejects(publisher.publish(message("6")), UnavailableError);
    await nats.start();
  });
});
