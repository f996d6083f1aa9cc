import { messageOf } from "@tidemill/errors";
import { backoff, type Service, wait } from "@tidemill/lifecycle";
import { createLeadership, type Database } from "@tidemill/postgres";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import {
  type EventStream,
  type NatsSettings,
  openEventStream,
  STREAM_LIMITS,
  type StreamLimits,
} from "./event-stream.ts";
import { publishInOrder } from "./publish-in-order.ts";
import { REWIND_EVENTS, reconcile } from "./reconcile.ts";
import { createRelayMetrics } from "./relay-metrics.ts";
import { type RelayStore, takeOverRelay } from "./relay-store.ts";
import { createWaker } from "./waker.ts";

export interface RelayOptions {
  readonly database: Database;
  readonly nats: NatsSettings;
  /** The producing service: `orchestrator`. */
  readonly service: string;
  readonly log: Logger;
  readonly telemetry?: Pick<Telemetry, "meter">;
  readonly limits?: StreamLimits;
  readonly pollMs?: number;
}

/** Publishes the events of the outbox to the broker. */
export interface Relay extends Service {
  /** Call with the sequencer's last position. */
  wake(lastPosition?: number): void;
}

/** One chunk is acknowledged whole before the next one is begun: what `REWIND_EVENTS` relies on. */
const CHUNK_EVENTS = REWIND_EVENTS;
const POLL_MS = 1_000;
const RECONNECT_INITIAL_MS = 100;
const RECONNECT_MAX_MS = 2_000;

/**
 * Publishes in the order of positions, at least once, with the event's id for the broker's own
 * deduplication. One relay leads per service. A broker that is away is waited for; nothing is lost,
 * since Postgres is the truth. Each connection begins with a look at what the broker still has
 * (`reconcile`), because it may have come back without its tail.
 */
export function createRelay(options: RelayOptions): Relay {
  const waker = createWaker();
  const limits = options.limits ?? STREAM_LIMITS;
  let failing = false;
  const metrics = createRelayMetrics(options.telemetry);

  async function lead(signal: AbortSignal): Promise<void> {
    const store = await takeOverRelay(options.database);
    metrics.reached(store.cursor.position);
    const retry = backoff({ initialMs: RECONNECT_INITIAL_MS, maxMs: RECONNECT_MAX_MS });
    while (!signal.aborted) {
      const stream = await openEventStream(options.nats, options.service, limits).catch(failed);
      if (stream !== undefined) await relayOver(stream, store, signal);
      if (!failing) retry.reset();
      await wait(retry.nextMs(), signal);
    }
  }

  /** Returns when the broker fails, throws when the database does. */
  async function relayOver(
    stream: EventStream,
    store: RelayStore,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      if (!(await rewind(stream, store))) return;
      const until = AbortSignal.any([signal, stream.lost]);
      while (!until.aborted) {
        waker.rest();
        const events = await store.loadEvents(store.cursor.position, CHUNK_EVENTS);
        const last = events.at(-1);
        if (last === undefined) {
          await waker.sleep(options.pollMs ?? POLL_MS, until);
          continue;
        }
        const sequence = await publishInOrder(events, stream).catch(failed);
        if (sequence === undefined) return;
        await store.save({
          position: last.position,
          streamCreated: stream.created,
          sequence: Math.max(sequence, store.cursor.sequence),
        });
        metrics.published(events.length, last.position);
        succeeded();
      }
    } finally {
      await stream.close();
    }
  }

  /** Answers whether the broker could be asked. */
  async function rewind(stream: EventStream, store: RelayStore): Promise<boolean> {
    const before = store.cursor;
    const cursor = await reconcile(before, stream).catch(failed);
    if (cursor === undefined) return false;
    if (cursor === before) return true;
    await store.rewind(cursor);
    if (cursor.position < before.position) {
      metrics.rewound(before.position - cursor.position);
      options.log.warn("the broker lost events: publishing them again", {
        from: cursor.position + 1,
        to: before.position,
      });
    }
    return true;
  }

  /** Said once: a broker that is away for an hour would otherwise fill the log. */
  function failed(error: unknown): undefined {
    if (!failing) {
      const detail = { error: messageOf(error) };
      options.log.warn("events cannot be published: trying until the broker is back", detail);
    }
    failing = true;
    return undefined;
  }

  function succeeded(): void {
    if (failing) options.log.info("events are published again");
    failing = false;
  }

  const leadership = createLeadership({
    role: "event-relay",
    connection: options.database.connection,
    log: options.log,
    lead,
  });

  return {
    wake(lastPosition) {
      if (lastPosition !== undefined) metrics.sequenced(lastPosition);
      waker.wake();
    },
    start: leadership.start,
    stop: leadership.stop,
  };
}
