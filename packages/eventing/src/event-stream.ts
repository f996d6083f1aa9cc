import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { cloudEventHeaders, positionOf } from "./cloud-event-headers.ts";
import type { PositionedEvent } from "./positioned-event.ts";
import { createStreamPublisher } from "./stream-publisher.ts";

export interface NatsSettings {
  /** `nats://host:port` */
  readonly url: string;
  readonly token?: string | undefined;
}

/** What bounds a service's stream; the oldest events go first. */
export interface StreamLimits {
  readonly ageMaxMs: number;
  readonly bytesMax: number;
}

export const STREAM_LIMITS: StreamLimits = {
  ageMaxMs: 7 * 24 * 60 * 60 * 1000,
  bytesMax: 1024 * 1024 * 1024,
};

/** The stream of a service on one connection. It never reconnects: its loss must be looked into. */
export interface EventStream {
  /** Tells streams of the same name apart. */
  readonly created: string;
  /** Sequence of the stream's last message when it was opened. */
  readonly lastSequence: number;
  /** The position of the last message; undefined when the stream is empty or it has none. */
  lastPosition(): Promise<number | undefined>;
  /** Answers the event's sequence once the broker has it, also when it had it before. */
  publish(event: PositionedEvent): Promise<number>;
  /** Aborts when the connection is gone. */
  readonly lost: AbortSignal;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 3_000;
const ACK_TIMEOUT_MS = 5_000;
const NANOS_PER_MS = 1_000_000;

export function streamNameOf(service: string): string {
  return `TIDEMILL_${service.toUpperCase().replaceAll("-", "_")}`;
}

/** Connects, and creates the service's stream or brings its limits up to date. */
export async function openEventStream(
  nats: NatsSettings,
  service: string,
  limits: StreamLimits,
): Promise<EventStream> {
  const connection = await connect({
    servers: nats.url,
    ...(nats.token === undefined ? {} : { token: nats.token }),
    name: `${service}-relay`,
    timeout: CONNECT_TIMEOUT_MS,
    reconnect: false,
  });
  try {
    const manager = await jetstreamManager(connection, { timeout: ACK_TIMEOUT_MS });
    const info = await ensureStream(manager, service, limits);
    return streamOver(connection, manager, info);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function streamOver(
  connection: NatsConnection,
  manager: JetStreamManager,
  info: StreamInfo,
): EventStream {
  const lost = new AbortController();
  void connection.closed().then(() => lost.abort());
  const publisher = createStreamPublisher(connection, info.config.name, ACK_TIMEOUT_MS);
  return {
    created: info.created,
    lastSequence: info.state.last_seq,
    lost: lost.signal,
    async lastPosition() {
      if (info.state.messages === 0) return undefined;
      const last = await manager.streams.getMessage(info.config.name, {
        seq: info.state.last_seq,
      });
      return last === null ? undefined : positionOf(last.header);
    },
    publish: (event) =>
      publisher.publish({
        id: event.id,
        subject: event.subject,
        data: event.data,
        headers: cloudEventHeaders(event),
      }),
    close: () => connection.close(),
  };
}

async function ensureStream(
  manager: JetStreamManager,
  service: string,
  limits: StreamLimits,
): Promise<StreamInfo> {
  const name = streamNameOf(service);
  const bounds = { max_age: limits.ageMaxMs * NANOS_PER_MS, max_bytes: limits.bytesMax };
  const found = await findStream(manager, name);
  if (found === undefined) {
    return manager.streams.add({
      name,
      subjects: [`tidemill.${service}.>`],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      ...bounds,
    });
  }
  const { config } = found;
  if (config.max_age === bounds.max_age && config.max_bytes === bounds.max_bytes) return found;
  await manager.streams.update(name, bounds);
  return manager.streams.info(name);
}

async function findStream(
  manager: JetStreamManager,
  name: string,
): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    const missing =
      error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
    if (missing) return undefined;
    throw error;
  }
}
