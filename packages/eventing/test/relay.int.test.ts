import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { UnavailableError } from "@tidemill/errors";
import { createRelay, eventBacklog } from "@tidemill/eventing";
import { type Database, statement } from "@tidemill/postgres";
import { RunStartedSchema } from "@tidemill/proto/tidemill/orchestrator/v1/events_pb.ts";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, startNats, type TestNats, tempDir } from "@tidemill/testing";
import {
  commitEvents,
  eventPump,
  outboxDatabase,
  outboxIds,
  type Received,
  readStream,
} from "./event-fixtures.ts";

const PUBLISH_TIMEOUT_MS = 30_000;

const setCursor = statement(
  "test_cursor",
  "update event_relay set published_position = $1, stream_sequence = $2",
);

describe("the relay", () => {
  let database: Database;
  let drop: () => Promise<void>;
  let nats: TestNats;

  before(async () => {
    ({ database, drop } = await outboxDatabase());
    nats = await startNats();
  });
  beforeEach(async () => {
    await nats.kill9();
    await nats.wipe();
    await nats.start();
    await database.execute(`truncate outbox; update event_positions set last_position = 0;
      update event_relay set published_position = 0, stream_created = '', stream_sequence = 0`);
  });
  after(async () => {
    await nats.stop();
    await drop();
  });

  const published = () =>
    eventually(
      async () => {
        const { unpositioned, unpublished } = await eventBacklog(database);
        return unpositioned === 0 && unpublished === 0;
      },
      { timeoutMs: PUBLISH_TIMEOUT_MS },
    );

  async function withPump(work: (wake: () => void) => Promise<void>): Promise<void> {
    const { sequencer, relay } = eventPump(database, nats);
    await relay.start();
    await sequencer.start();
    try {
      await work(sequencer.wake);
    } finally {
      await sequencer.stop();
      await relay.stop();
    }
  }

  it("publishes each event once, in order, as a CloudEvent in binary mode", async () => {
    await withPump(async (wake) => {
      for (let run = 0; run < 10; run++) {
        await commitEvents(database, `run-${run}`, 50);
        wake();
      }
      await published();
    });
    const received = await readStream(nats);
    const positions = received.map((event) => Number(event.headers.get("ce-position")));
    assert.deepEqual(
      positions,
      Array.from({ length: 500 }, (_, index) => index + 1),
    );
    const [first] = received;
    assert.ok(first !== undefined);
    assert.equal(first.subject, "tidemill.orchestrator.default.run.started.v1");
    assert.equal(first.headers.get("Nats-Msg-Id"), first.id);
    assert.equal(first.headers.get("ce-type"), "tidemill.orchestrator.v1.RunStarted");
    assert.equal(first.headers.get("ce-sequence"), "1");
    assert.equal(fromBinary(RunStartedSchema, first.data).run?.id, "run-0");
  });

  it("waits for a broker that is away and loses nothing", async () => {
    await nats.kill9();
    await withPump(async (wake) => {
      await commitEvents(database, "run-1", 20);
      wake();
      await eventually(async () => (await eventBacklog(database)).unpublished === 20);
      await nats.start();
      await published();
      await nats.kill9();
      await commitEvents(database, "run-2", 20);
      await nats.start();
      await published();
    });
    await assertComplete(await readStream(nats));
  });

  it("gives a subscriber every committed event although the broker is killed and its directory deleted", async () => {
    const seen = new Map<string, Received>();
    const subscribe = async () => {
      for (const event of await readStream(nats)) seen.set(event.id, event);
    };
    await withPump(async (wake) => {
      let committing = true;
      const writer = (async () => {
        for (let version = 1; committing; version += 5) {
          await commitEvents(database, "run", 5, version);
          wake();
        }
      })();
      await eventually(async () => (await outboxIds(database)).size > 500);
      await subscribe();
      for (let round = 0; round < 2; round++) {
        await nats.kill9();
        await nats.wipe();
        const { size } = await outboxIds(database);
        await eventually(async () => (await outboxIds(database)).size > size + 200);
        await nats.start();
      }
      committing = false;
      await writer;
      await published();
    });
    await subscribe();
    assert.deepEqual(new Set(seen.keys()), await outboxIds(database));
    await assertComplete(await readStream(nats));
  });

  it("publishes a lost tail again when the broker comes back with an older state", async () => {
    const jetstream = join(nats.directory, "jetstream");
    const older = join(tempDir("jetstream"), "older");
    await withPump(async () => {
      await commitEvents(database, "run-1", 1_500);
      await published();
      await nats.kill9();
      await cp(jetstream, older, { recursive: true });
      await nats.start();
      await commitEvents(database, "run-2", 1_500);
      await published();
      assert.equal((await readStream(nats)).length, 3_000);
      await nats.kill9();
      await nats.wipe();
      await cp(older, jetstream, { recursive: true });
      await nats.start();
      await eventually(async () => {
        const received = await readStream(nats);
        return new Set(received.map((event) => event.id)).size === 3_000;
      });
      await published();
    });
    await assertComplete(await readStream(nats));
  });

  it("only repeats what it published without having marked it", async () => {
    let crashes = 0;
    const crashing: Database = {
      ...database,
      async transaction(work, options) {
        if (options?.readOnly !== true && crashes < 2) {
          crashes += 1;
          throw new UnavailableError("postgres", "the process died before it could mark");
        }
        return database.transaction(work, options);
      },
    };
    await commitEvents(database, "run", 300);
    const { sequencer } = eventPump(database, nats);
    await sequencer.start();
    await eventually(async () => (await eventBacklog(database)).unpositioned === 0);
    await sequencer.stop();
    await database.query(setCursor, [0, 0]);
    const relay = createRelay({
      database: crashing,
      nats,
      service: "orchestrator",
      log: silentLogger,
      pollMs: 50,
    });
    await relay.start();
    await published();
    await relay.stop();
    assert.equal(crashes, 2);
    const received = await readStream(nats);
    assert.equal(received.length, 300, "the broker knows repeats by their id");
    await assertComplete(received);
  });

  it("ends with every event when its process is killed again and again", async () => {
    const { connectionString } = database.connection;
    let version = 1;
    for (let kills = 0; kills < 4; kills++) {
      const child = startPumpProcess([connectionString, nats.url, nats.token]);
      const before = (await eventBacklog(database)).published;
      await eventually(
        async () => {
          await commitEvents(database, "run", 20, version);
          version += 20;
          return (await eventBacklog(database)).published > before + 100;
        },
        { timeoutMs: PUBLISH_TIMEOUT_MS, pollMs: 1 },
      );
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
    }
    await withPump(async () => {
      await published();
    });
    await assertComplete(await readStream(nats));
  });

  it("is one at a time: a second one takes over when the first stops", async () => {
    const first = eventPump(database, nats);
    const second = eventPump(database, nats);
    await first.relay.start();
    await first.sequencer.start();
    await second.relay.start();
    await commitEvents(database, "run-1", 100);
    await published();
    await first.relay.stop();
    await commitEvents(database, "run-2", 100);
    await published();
    await second.relay.stop();
    await first.sequencer.stop();
    const received = await readStream(nats);
    assert.equal(received.length, 200);
    await assertComplete(received);
  });

  function startPumpProcess(values: readonly string[]): ChildProcess {
    const script = join(import.meta.dirname, "event-pump-process.ts");
    return spawn(process.execPath, [script, ...values], {
      stdio: ["ignore", "inherit", "inherit"],
    });
  }

  async function assertComplete(received: readonly Received[]): Promise<void> {
    const ids = new Set(received.map((event) => event.id));
    assert.deepEqual(ids, await outboxIds(database));
  }
});
