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

/** Many short rounds: what else runs on the machine then meets both variants alike. */
const ROUNDS = 40;
const WARM_UP_ROUNDS = 8;
const ROUND_MS = 250;
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
  /** Microseconds of CPU per call, server and client together, a round. */
  readonly cpuMicros: number[];
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
      for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
        await playRound(server, variants, { callers, round });
      }
      const [rawRate, meshRate] = [median(variants.raw.rates), median(variants.mesh.rates)];
      const [rawCpu, meshCpu] = [median(variants.raw.cpuMicros), median(variants.mesh.cpuMicros)];
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
        cpu_ratio: Number((rawCpu / meshCpu).toFixed(3)),
        raw_cpu_us: Number(rawCpu.toFixed(1)),
        mesh_cpu_us: Number(meshCpu.toFixed(1)),
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
  return { call, rates: [], latencies: [], cpuMicros: [] };
}

interface Round {
  readonly callers: number;
  /** Below 0 it only warms up. */
  readonly round: number;
}

/** Each variant in turn, the other one first every second time. */
async function playRound(
  server: ChildProcess,
  { raw, mesh }: { readonly raw: Variant; readonly mesh: Variant },
  { callers, round }: Round,
): Promise<void> {
  for (const variant of round % 2 === 0 ? [raw, mesh] : [mesh, raw]) {
    const before = await cpuMicrosOf(server);
    const { rate, latencies } = await play(variant.call, callers);
    const micros = (await cpuMicrosOf(server)) - before;
    if (round < 0) continue;
    variant.rates.push(rate);
    variant.latencies.push(...latencies);
    variant.cpuMicros.push(micros / latencies.length);
  }
}

/** CPU time that the server's process and this one have used so far. */
async function cpuMicrosOf(server: ChildProcess): Promise<number> {
  const answered = once(server, "message");
  server.send("cpu");
  const [there]: NodeJS.CpuUsage[] = await answered;
  const here = process.cpuUsage();
  return (there?.user ?? 0) + (there?.system ?? 0) + here.user + here.system;
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
