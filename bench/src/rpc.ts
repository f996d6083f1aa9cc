import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import {
  type AppendLogRequest,
  AppendLogRequestSchema,
  type AppendLogResponse,
  AppendLogResponseSchema,
  LogService,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { createMeshClient } from "@tidemill/rpc";
import type { Emit } from "./bench.ts";
import { median, quantile } from "./quantile.ts";

const ROUNDS = 9;
const ROUND_MS = 1_000;
const CALLERS = [1, 16, 128];

const id = "01890a5d-ac96-774b-bcce-b302099a8057";
/** 200 bytes on the wire. */
const request = create(AppendLogRequestSchema, {
  key: { namespace: "default", runId: id, taskId: id, attempt: 1, stream: "stdout" },
  data: new Uint8Array(95).fill(120),
});

interface Variant {
  readonly call: () => Promise<AppendLogResponse>;
  readonly rates: number[];
  readonly latencies: number[];
}

/** Unary calls of 200 B through the mesh's server and client, against bare grpc-js. */
export async function run(emit: Emit): Promise<void> {
  const server = fork(join(import.meta.dirname, "rpc-process.ts"));
  try {
    const ports = await portsOf(server);
    const mesh = createMeshClient(LogService, { address: `127.0.0.1:${ports.meshPort}` });
    const raw = new Client(`127.0.0.1:${ports.rawPort}`, credentials.createInsecure());
    for (const callers of CALLERS) {
      const variants = {
        raw: variant(() => rawCall(raw)),
        mesh: variant(() => mesh.appendLog(request)),
      };
      for (let round = 0; round <= ROUNDS; round += 1) await playRound(variants, callers, round);
      const [rawRate, meshRate] = [median(variants.raw.rates), median(variants.mesh.rates)];
      const ratios = variants.mesh.rates.map(
        (rate, round) => rate / (variants.raw.rates[round] ?? 1),
      );
      emit({
        figure: "unary-200B",
        callers,
        request_bytes: toBinary(AppendLogRequestSchema, request).length,
        raw_per_s: Math.round(rawRate),
        mesh_per_s: Math.round(meshRate),
        ratio: Number(median(ratios).toFixed(3)),
        raw_p50_ms: Number(quantile(variants.raw.latencies, 0.5).toFixed(3)),
        mesh_p50_ms: Number(quantile(variants.mesh.latencies, 0.5).toFixed(3)),
        mesh_p99_ms: Number(quantile(variants.mesh.latencies, 0.99).toFixed(3)),
      });
    }
    mesh.close();
    raw.close();
  } finally {
    server.kill();
  }
}

async function portsOf(server: ChildProcess): Promise<{ meshPort: number; rawPort: number }> {
  const [ports] = await once(server, "message");
  return ports;
}

function variant(call: Variant["call"]): Variant {
  return { call, rates: [], latencies: [] };
}

/** Each variant in turn, the other one first every second time; round 0 only warms up. */
async function playRound(
  { raw, mesh }: { readonly raw: Variant; readonly mesh: Variant },
  callers: number,
  round: number,
): Promise<void> {
  for (const variant of round % 2 === 0 ? [raw, mesh] : [mesh, raw]) {
    const { rate, latencies } = await play(variant.call, callers);
    if (round === 0) continue;
    variant.rates.push(rate);
    variant.latencies.push(...latencies);
  }
}

async function play(call: Variant["call"], callers: number) {
  const latencies: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + ROUND_MS;
  const caller = async () => {
    for (let now = performance.now(); now < endMs; ) {
      await call();
      const then = performance.now();
      latencies.push(then - now);
      now = then;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { rate: (latencies.length / (performance.now() - startMs)) * 1000, latencies };
}

function rawCall(client: Client): Promise<AppendLogResponse> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<AppendLogRequest, AppendLogResponse>(
      "/tidemill.artifacts.v1.LogService/AppendLog",
      (message) => Buffer.from(toBinary(AppendLogRequestSchema, message)),
      (bytes) => fromBinary(AppendLogResponseSchema, bytes),
      request,
      (error, answer) => (error === null && answer !== undefined ? resolve(answer) : reject(error)),
    );
  });
}
