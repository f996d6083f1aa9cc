import { create } from "@bufbuild/protobuf";
import { jetstream } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import {
  appendEvents,
  createRelay,
  createSequencer,
  eventingMigrations,
  eventOf,
  type OutboxEvent,
  outboxTable,
  type Relay,
  type Sequencer,
} from "@tidemill/eventing";
import { systemClock, uuidv7Source } from "@tidemill/lifecycle";
import {
  type Database,
  ensureRangePartitions,
  postgresMigrations,
  statement,
} from "@tidemill/postgres";
import { RunStartedSchema } from "@tidemill/proto/tidemill/orchestrator/v1/events_pb.ts";
import { silentLogger } from "@tidemill/telemetry";
import { startPostgres, type TestNats, testDatabase } from "@tidemill/testing";

const ids = uuidv7Source(systemClock);

/** An event of a run, as the orchestrator would make it. */
export function runEvent(
  entityId: string,
  entityVersion: number,
  overrides: { readonly id?: string; readonly namespace?: string } = {},
): OutboxEvent {
  const message = create(RunStartedSchema, { run: { id: entityId } });
  const attributes = {
    id: ids.next(),
    namespace: "default",
    entityId,
    entityVersion,
    time: systemClock.now(),
    ...overrides,
  };
  return eventOf(RunStartedSchema, attributes, message);
}

/** A database with an outbox that takes events of today. */
export async function outboxDatabase(): Promise<{ database: Database; drop(): Promise<void> }> {
  const server = await startPostgres();
  const { database, drop } = await testDatabase(server, [postgresMigrations, eventingMigrations]);
  await ensureRangePartitions(database, outboxTable(database), systemClock.now());
  return {
    database,
    async drop() {
      await drop();
      await server.stop();
    },
  };
}

/** Commits `count` events of one run. */
export async function commitEvents(
  database: Database,
  entityId: string,
  count: number,
  firstVersion = 1,
): Promise<void> {
  const events = Array.from({ length: count }, (_, index) =>
    runEvent(entityId, firstVersion + index),
  );
  await database.transaction((tx) => appendEvents(tx, events));
}

const selectIds = statement<{ id: string }>("test_outbox_ids", "select id from outbox");

export async function outboxIds(database: Database): Promise<Set<string>> {
  return new Set((await database.query(selectIds)).rows.map((row) => row.id));
}

/** A sequencer that wakes a relay, as in a service; neither is started. */
export function eventPump(
  database: Database,
  nats: TestNats,
): { sequencer: Sequencer; relay: Relay } {
  const relay = createRelay({
    database,
    nats,
    service: "orchestrator",
    log: silentLogger,
    pollMs: 50,
  });
  const sequencer = createSequencer({
    database,
    log: silentLogger,
    pollMs: 50,
    onPositions: relay.wake,
  });
  return { sequencer, relay };
}

export interface Received {
  readonly id: string;
  readonly subject: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
}

/** Reads everything that the stream holds now, from its beginning, with a connection of its own. */
export async function readStream(nats: TestNats): Promise<Received[]> {
  const connection = await connect({ servers: nats.url, token: nats.token, reconnect: false });
  try {
    return await readAll(connection);
  } finally {
    await connection.close();
  }
}

async function readAll(connection: NatsConnection): Promise<Received[]> {
  const stream = await jetstream(connection).streams.get("TIDEMILL_ORCHESTRATOR");
  let left = (await stream.info()).state.messages;
  const received: Received[] = [];
  if (left === 0) return received;
  const consumer = await stream.getConsumer();
  const messages = await consumer.consume();
  for await (const message of messages) {
    const headers = new Map<string, string>();
    for (const [name, values] of message.headers ?? []) headers.set(name, values[0] ?? "");
    const id = headers.get("ce-id") ?? "";
    received.push({ id, subject: message.subject, headers, data: message.data });
    left -= 1;
    if (left === 0) break;
  }
  return received;
}
