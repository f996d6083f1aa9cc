import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import {
  artifactsMigrations,
  BLOB_BYTES_MAX,
  LOG_BYTES_MAX,
  LOGS_RETENTION_DAYS,
} from "@tidemill/artifacts";
import { startPostgres, tempDir, testDatabase } from "@tidemill/testing";
import type { ServerRole } from "./artifact-stream-process.ts";
import type { Emit } from "./bench.ts";
import { median } from "./quantile.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const ROUNDS = 7;
const ROUND_BYTES = 512 * MIB;
/** Streamed to see whether memory grows; with `--full` as much as is promised. */
const FLAT_BYTES = 2 * GIB;
const FLAT_BYTES_FULL = 10 * GIB;
const RSS_EVERY_MS = 50;
/** Buffers that the client reads into and sends from in turn. */
const BUFFERS = 3;

interface Rates {
  readonly put: number[];
  readonly get: number[];
}

/**
 * One large blob sent and fetched, against copying the same file in a loop that syncs likewise, and
 * against a bare HTTP server that does the same without digests. Then memory over a long stream.
 */
export async function run(emit: Emit): Promise<void> {
  const postgres = await startPostgres({ own: true, fsync: true });
  const database = await testDatabase(postgres, artifactsMigrations);
  const directory = tempDir("artifact-stream");
  const bareDirectory = join(directory, "bare");
  await mkdir(bareDirectory);
  const artifacts = await startServer({
    kind: "artifacts",
    config: {
      host: "127.0.0.1",
      httpPort: 0,
      grpcPort: 0,
      allowedHosts: [],
      directory: join(directory, "store"),
      blobBytesMax: BLOB_BYTES_MAX,
      logBytesMax: LOG_BYTES_MAX,
      logsRetentionDays: LOGS_RETENTION_DAYS,
      postgres: { url: database.url },
      nats: { url: "nats://127.0.0.1:1" },
      pageTokenKey: new Uint8Array(),
      logLevel: "error",
    },
  });
  const bare = await startServer({ kind: "bare", directory: bareDirectory });
  try {
    await compare(emit, { directory, artifacts, bare });
    await watchMemory(emit, artifacts);
  } finally {
    artifacts.process.kill();
    bare.process.kill();
    await Promise.all([artifacts.ended, bare.ended]);
    await database.drop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

interface Bench {
  readonly directory: string;
  readonly artifacts: BenchServer;
  readonly bare: BenchServer;
}

async function compare(emit: Emit, { directory, artifacts, bare }: Bench): Promise<void> {
  const source = join(directory, "source");
  const target = join(directory, "target");
  await writeSource(source, ROUND_BYTES);
  const rates = { file: newRates(), bare: newRates(), artifacts: newRates() };
  for (let round = 0; round <= ROUNDS; round += 1) {
    const digest = { path: "" };
    const measured = {
      file: await timed(() => copyFile(source, target)),
      barePut: await timed(() => put(bare.port, "/", source)),
      artifactsPut: await timed(async () => {
        digest.path = await put(artifacts.port, "/v1/blobs", source);
      }),
      bareGet: await timed(() => get(bare.port, "/", target)),
      artifactsGet: await timed(() => get(artifacts.port, digest.path, target)),
    };
    // The first round warms up.
    if (round === 0) continue;
    rates.file.put.push(measured.file);
    rates.file.get.push(measured.file);
    rates.bare.put.push(measured.barePut);
    rates.bare.get.push(measured.bareGet);
    rates.artifacts.put.push(measured.artifactsPut);
    rates.artifacts.get.push(measured.artifactsGet);
  }
  for (const direction of ["put", "get"] as const) {
    emit({
      figure: direction,
      mib: ROUND_BYTES / MIB,
      rounds: ROUNDS,
      mb_per_s: Math.round(median(rates.artifacts[direction])),
      http_copy_mb_per_s: Math.round(median(rates.bare[direction])),
      file_copy_mb_per_s: Math.round(median(rates.file[direction])),
      ratio_to_http_copy: ratio(rates.artifacts[direction], rates.bare[direction]),
      ratio_to_file_copy: ratio(rates.artifacts[direction], rates.file[direction]),
    });
  }
}

function newRates(): Rates {
  return { put: [], get: [] };
}

/** The median over rounds, since what slows a machine down slows both of a round. */
function ratio(ours: readonly number[], theirs: readonly number[]): number {
  const ratios = ours.map((rate, round) => rate / (theirs[round] ?? 1));
  return Number(median(ratios).toFixed(3));
}

/** MB/s of something that moves ROUND_BYTES. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return ROUND_BYTES / 1000 / (performance.now() - startedMs);
}

async function watchMemory(emit: Emit, server: BenchServer): Promise<void> {
  const bytes = process.argv.includes("--full") ? FLAT_BYTES_FULL : FLAT_BYTES;
  const samples: number[] = [];
  const timer = setInterval(
    () => void server.rssBytes().then((rss) => samples.push(rss)),
    RSS_EVERY_MS,
  );
  const piece = Buffer.alloc(MIB);
  for (let at = 0; at < MIB; at += 1) piece[at] = (at * 31) & 0xff;
  const path = await send(server.port, "/v1/blobs", bytes, async () => piece);
  await receive(server.port, path, async () => {});
  clearInterval(timer);
  const [early, late] = [samples.slice(0, samples.length / 4), samples.slice(-samples.length / 4)];
  emit({
    figure: "memory",
    gib_each_way: bytes / GIB,
    rss_mib_max: Math.round(Math.max(...samples) / MIB),
    rss_mib_first_quarter: Math.round(median(early) / MIB),
    rss_mib_last_quarter: Math.round(median(late) / MIB),
  });
}

/** The plain loop: read, write, sync, rename, sync of the directory. */
async function copyFile(source: string, target: string): Promise<void> {
  const [from, to] = [await open(source, "r"), await open(`${target}.part`, "w")];
  const piece = Buffer.allocUnsafe(MIB);
  for (;;) {
    const { bytesRead } = await from.read(piece, 0, MIB);
    if (bytesRead === 0) break;
    await to.write(piece, 0, bytesRead);
  }
  await finish(to, target);
  await from.close();
}

type Handle = Awaited<ReturnType<typeof open>>;

async function finish(file: Handle, target: string): Promise<void> {
  await file.sync();
  await file.close();
  await rename(`${target}.part`, target);
  const directory = await open(join(target, ".."), "r");
  await directory.sync();
  await directory.close();
}

async function writeSource(path: string, bytes: number): Promise<void> {
  const file = await open(path, "w");
  const piece = Buffer.alloc(MIB);
  for (let at = 0; at < bytes; at += MIB) {
    for (let index = 0; index < MIB; index += 64) piece.writeUInt32LE((at + index) >>> 6, index);
    await file.write(piece);
  }
  await file.sync();
  await file.close();
}

async function put(port: number, path: string, source: string): Promise<string> {
  const file = await open(source, "r");
  const buffers = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafe(MIB));
  let index = 0;
  const read = async () => {
    const buffer = buffers[index++ % BUFFERS] ?? Buffer.alloc(0);
    const { bytesRead } = await file.read(buffer, 0, MIB);
    return buffer.subarray(0, bytesRead);
  };
  const { size } = await file.stat();
  const location = await send(port, path, size, read);
  await file.close();
  return location;
}

/** Sends a body of `bytes`; answers the path under which it can be fetched again. */
async function send(
  port: number,
  path: string,
  bytes: number,
  next: () => Promise<Buffer>,
): Promise<string> {
  const method = path === "/" ? "PUT" : "POST";
  const headers = { "content-length": bytes };
  const request = httpRequest({ host: "127.0.0.1", port, path, method, headers });
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  const writes: Promise<void>[] = [];
  for (let sent = 0; sent < bytes; ) {
    // A buffer is filled again only once it has left.
    await writes[writes.length - BUFFERS + 1];
    const piece = await next();
    sent += piece.length;
    writes.push(new Promise((resolve) => request.write(piece, () => resolve())));
  }
  request.end();
  const [response] = await answered;
  await requireGood(response);
  return response.headers.location ?? "/";
}

async function get(port: number, path: string, target: string): Promise<void> {
  const file = await open(`${target}.part`, "w");
  const piece = Buffer.allocUnsafe(MIB);
  let filled = 0;
  await receive(port, path, async (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(chunk.length - at, MIB - filled);
      piece.set(chunk.subarray(at, at + length), filled);
      at += length;
      filled += length;
      if (filled < MIB) continue;
      await file.write(piece);
      filled = 0;
    }
  });
  if (filled > 0) await file.write(piece, 0, filled);
  await finish(file, target);
}

async function receive(
  port: number,
  path: string,
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const request = httpRequest({ host: "127.0.0.1", port, path });
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  request.end();
  const [response] = await answered;
  if (response.statusCode !== 200) await requireGood(response);
  for await (const chunk of response) await take(chunk);
}

async function requireGood(response: IncomingMessage): Promise<void> {
  let body = "";
  for await (const chunk of response) body += String(chunk);
  const { statusCode = 0 } = response;
  if (statusCode >= 300) throw new Error(`the server answered ${statusCode}: ${body}`);
}

interface BenchServer {
  readonly process: ChildProcess;
  readonly port: number;
  readonly ended: Promise<unknown>;
  rssBytes(): Promise<number>;
}

async function startServer(role: ServerRole): Promise<BenchServer> {
  const child = fork(join(import.meta.dirname, "artifact-stream-process.ts"));
  const ended = once(child, "exit");
  const answer = async (message: ServerRole | "rss") => {
    child.send(message);
    const [found] = (await once(child, "message")) as [{ port?: number; rssBytes?: number }];
    return found;
  };
  const { port = 0 } = await answer(role);
  const rssBytes = async () => (await answer("rss")).rssBytes ?? 0;
  return { process: child, port, ended, rssBytes };
}
