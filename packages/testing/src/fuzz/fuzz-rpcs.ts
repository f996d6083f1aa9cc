import assert from "node:assert/strict";
import { type DescMethod, type DescService, type Message, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { arbitraryMessage, type MessageOptions } from "./arbitrary-message.ts";
import { type SurvivalOptions, survives } from "./survival.ts";

export interface FuzzRpcsOptions extends SurvivalOptions, MessageOptions {
  readonly services: readonly DescService[];
  /** Cases per method; never fewer than RUNS_MIN. */
  readonly runs?: number;
  /** The same seed gives the same cases; a failure prints its own. */
  readonly seed?: number;
  /** Sent with every call. */
  readonly token?: string;
}

export const RUNS_MIN = 200;
const CALL_MS_MAX = 2_000;
const ANSWERS_MAX = 5;
const REQUESTS_MAX = 4;
/** What a caller must never see, whatever it sent: they mean a bug, or lost data. */
const bugs: readonly status[] = [status.INTERNAL, status.UNKNOWN, status.DATA_LOSS];

/**
 * Calls every method with messages of its type, and with bytes that are none. Fails, with the
 * smallest case found, on a status that means a bug, a dead server or memory without bound.
 */
export async function fuzzRpcs(options: FuzzRpcsOptions): Promise<void> {
  const channel = new Client(options.address, credentials.createInsecure(), {
    "grpc.enable_http_proxy": 0,
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
  });
  try {
    await survives(options, async () => {
      for (const service of options.services) {
        for (const method of service.methods) await fuzzMethod(channel, method, options);
      }
    });
  } finally {
    channel.close();
  }
}

async function fuzzMethod(
  channel: Client,
  method: DescMethod,
  options: FuzzRpcsOptions,
): Promise<void> {
  const streams =
    method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const requests = fc.array(arbitraryRequest(method, options), {
    minLength: streams ? 0 : 1,
    maxLength: streams ? REQUESTS_MAX : 1,
  });
  const property = fc.asyncProperty(requests, async (bytes) => {
    const code = await call(channel, method, bytes, options.token);
    assert.ok(!bugs.includes(code), `${method.parent.typeName}/${method.name}: ${status[code]}`);
  });
  const { seed } = options;
  const numRuns = Math.max(RUNS_MIN, options.runs ?? RUNS_MIN);
  await fc.assert(property, seed === undefined ? { numRuns } : { numRuns, seed });
}

/** Mostly messages; also messages cut short, with a byte changed, and noise. */
function arbitraryRequest(method: DescMethod, options: MessageOptions): fc.Arbitrary<Uint8Array> {
  const encode = (message: Message) => toBinary(method.input, message);
  const message = arbitraryMessage(method.input, options).map(encode);
  const damaged = fc
    .tuple(message, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean())
    .map(([bytes, place, value, cut]) => damage(bytes, { place, value, cut }));
  return fc.oneof(
    { weight: 8, arbitrary: message },
    { weight: 1, arbitrary: damaged },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
}

function damage(
  bytes: Uint8Array,
  { place, value, cut }: { place: number; value: number; cut: boolean },
): Uint8Array {
  if (bytes.length === 0) return new Uint8Array([value]);
  const at = place % bytes.length;
  return cut ? bytes.slice(0, at) : bytes.with(at, value);
}

/** The status of one call; streams are left after a few answers. */
function call(
  channel: Client,
  method: DescMethod,
  requests: readonly Uint8Array[],
  token: string | undefined,
): Promise<status> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return new Promise((resolve) => {
    const stream = channel.makeBidiStreamRequest<Uint8Array, Buffer>(
      `/${method.parent.typeName}/${method.name}`,
      (bytes) => Buffer.from(bytes),
      (bytes) => bytes,
      metadata,
      { deadline: Date.now() + CALL_MS_MAX },
    );
    let answers = 0;
    stream.on("data", () => {
      answers += 1;
      if (answers === ANSWERS_MAX) stream.cancel();
    });
    // Every failure comes as a status too.
    stream.on("error", () => undefined);
    stream.on("status", ({ code }) => resolve(code));
    for (const bytes of requests) stream.write(bytes);
    stream.end();
  });
}
