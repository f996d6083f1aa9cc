import { messageOf, UnavailableError } from "@tidemill/errors";
import { backoff, wait } from "@tidemill/lifecycle";
import {
  Health,
  HealthCheckResponse_ServingStatusSchema as ServingStatusSchema,
} from "@tidemill/proto/grpc/health/v1/health_pb.ts";
import { createMeshClient, type MeshClient } from "./mesh-client.ts";

export interface WaitForServingOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** A proto service by its full name; the whole server unless given. */
  readonly service?: string;
}

const WAIT_MS_DEFAULT = 30_000;
const CHECK_MS_MAX = 1_000;
const CHECK_FIRST_MS = 20;
const CHECK_EVERY_MS_MAX = 250;

/**
 * Resolves once the server at `host:port` says SERVING through grpc.health.v1. Throws
 * UnavailableError with its last answer when it does not within the time, or the signal aborts.
 */
export async function waitForServing(
  address: string,
  options: WaitForServingOptions = {},
): Promise<void> {
  const { timeoutMs = WAIT_MS_DEFAULT, signal, service = "" } = options;
  const deadline = Date.now() + timeoutMs;
  const delays = backoff({ initialMs: CHECK_FIRST_MS, maxMs: CHECK_EVERY_MS_MAX });
  const client = createMeshClient(Health, { address });
  try {
    for (;;) {
      const answer = await ask(client, service, Math.min(CHECK_MS_MAX, deadline - Date.now()));
      if (answer === SERVING) return;
      const inTime = Date.now() < deadline && (await wait(delays.nextMs(), signal));
      if (!inTime) throw notServing(address, answer, timeoutMs);
    }
  } finally {
    client.close();
  }
}

const SERVING = ServingStatusSchema.value[1]?.name;

async function ask(
  client: MeshClient<typeof Health>,
  service: string,
  timeoutMs: number,
): Promise<string | undefined> {
  try {
    const { status } = await client.check({ service }, { timeoutMs: Math.max(1, timeoutMs) });
    return ServingStatusSchema.value[status]?.name;
  } catch (error) {
    // Not up yet is what this waits through; the last such answer ends up in the error.
    return messageOf(error);
  }
}

function notServing(
  address: string,
  answer: string | undefined,
  timeoutMs: number,
): UnavailableError {
  const message = `${address} did not become SERVING within ${timeoutMs} ms: ${answer}`;
  return new UnavailableError(address, message);
}
