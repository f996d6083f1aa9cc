import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { EventService as ArtifactEvents } from "@tidemill/proto/tidemill/artifacts/v1/event_service_pb.ts";
import type { Event } from "@tidemill/proto/tidemill/common/v1/event_pb.ts";
import { EventService as RunEvents } from "@tidemill/proto/tidemill/orchestrator/v1/event_service_pb.ts";
import { createMeshClient } from "@tidemill/rpc/client";
import { eventually } from "@tidemill/testing";
import type { TestMesh } from "../src/test-mesh.ts";

export interface EventsReport {
  readonly events: number;
  readonly violations: readonly string[];
}

const PAGE_SIZE = 1000;
const RELAY_TIMEOUT_MS = 30_000;
const BATCH_WAIT_MS = 2000;

export interface CheckEventsOptions {
  /** Whether the first ones may be gone: those of an old home have passed their retention. */
  readonly mayLackFirst?: boolean;
}

/**
 * Positions have no gap, versions of an entity rise by one, and whoever reads the broker's streams
 * from the start has every event at least once, whatever was killed.
 */
export async function checkEvents(
  mesh: TestMesh,
  { mayLackFirst = false }: CheckEventsOptions = {},
): Promise<EventsReport> {
  const { orchestratorGrpc, artifactsGrpc } = mesh.ports;
  const runs = createMeshClient(RunEvents, { address: `127.0.0.1:${orchestratorGrpc}` });
  const artifacts = createMeshClient(ArtifactEvents, { address: `127.0.0.1:${artifactsGrpc}` });
  try {
    const reports = await Promise.all([
      checkService(mesh, "orchestrator", (afterPosition) =>
        runs.listEvents({ afterPosition, pageSize: PAGE_SIZE }),
      ),
      checkService(mesh, "artifacts", (afterPosition) =>
        artifacts.listEvents({ afterPosition, pageSize: PAGE_SIZE }),
      ),
    ]);
    const violations = reports.flatMap((report) => report.violations);
    const late = reports.filter(({ firstPosition }) => !mayLackFirst && firstPosition > 1n);
    violations.push(...late.map(({ firstPosition }) => `begins with position ${firstPosition}`));
    return { events: reports.reduce((sum, report) => sum + report.events, 0), violations };
  } finally {
    runs.close();
    artifacts.close();
  }
}

type ListEvents = (
  afterPosition: bigint,
) => Promise<{ readonly events: Event[]; readonly lastPosition: bigint }>;

async function checkService(
  mesh: TestMesh,
  service: string,
  list: ListEvents,
): Promise<EventsReport & { readonly firstPosition: bigint }> {
  const events: Event[] = [];
  for (let position = 0n; ; ) {
    const page = await list(position);
    events.push(...page.events);
    if (page.events.length === 0) break;
    position = page.lastPosition;
  }
  const violations = [...checkPositions(service, events), ...checkVersions(service, events)];
  const missing = await eventually(
    async () => {
      const received = await readStream(mesh, service);
      const absent = events.filter((event) => !received.has(event.id)).length;
      return absent === 0 ? absent : undefined;
    },
    { timeoutMs: RELAY_TIMEOUT_MS, pollMs: 500 },
  ).catch(() => undefined);
  if (missing === undefined) {
    violations.push(`${service}: a subscriber that read the whole stream lacks events`);
  }
  return { events: events.length, violations, firstPosition: events[0]?.position ?? 1n };
}

function checkPositions(service: string, events: readonly Event[]): string[] {
  const first = events[0]?.position ?? 1n;
  const gap = events.findIndex((event, index) => event.position !== first + BigInt(index));
  if (gap === -1) return [];
  const expected = first + BigInt(gap);
  return [`${service}: position ${events[gap]?.position} stands where ${expected} should`];
}

function checkVersions(service: string, events: readonly Event[]): string[] {
  const versions = new Map<string, bigint>();
  const violations: string[] = [];
  for (const event of events) {
    const key = `${event.entity} ${event.entityId}`;
    const before = versions.get(key) ?? 0n;
    if (event.entityVersion <= before) {
      violations.push(`${service}: ${key} went from version ${before} to ${event.entityVersion}`);
    }
    versions.set(key, event.entityVersion);
  }
  return violations;
}

/** Ids of everything in the stream of a service, read from its beginning. */
async function readStream(mesh: TestMesh, service: string): Promise<Set<string>> {
  const token = readFileSync(join(mesh.home, "credentials", "nats-token"), "utf8").trim();
  const connection = await connect({ servers: `127.0.0.1:${mesh.ports.nats}`, token });
  try {
    const client = jetstream(connection);
    const ids = new Set<string>();
    const consumer = await client.consumers.get(`TIDEMILL_${service.toUpperCase()}`);
    for (;;) {
      let count = 0;
      const batch = await consumer.fetch({ max_messages: PAGE_SIZE, expires: BATCH_WAIT_MS });
      for await (const message of batch) {
        count += 1;
        const id = message.headers?.get("ce-id") ?? "";
        ids.add(id);
      }
      if (count === 0) return ids;
    }
  } finally {
    await connection.close();
  }
}
