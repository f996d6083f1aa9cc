import { createReadStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type ArtifactsConfig, createArtifactsService } from "@tidemill/artifacts";

/** What the bench tells this process to be. */
export type ServerRole =
  | { readonly kind: "artifacts"; readonly config: ArtifactsConfig }
  | { readonly kind: "bare"; readonly directory: string };

const PIECE_BYTES = 1024 * 1024;

/** The service itself, or the least that can take a body to disk and back: no digest, no record. */
async function serve(role: ServerRole): Promise<number> {
  if (role.kind === "artifacts") {
    // A key does not survive the way between processes as what it was.
    const pageTokenKey = Buffer.alloc(32, "bench");
    const service = createArtifactsService({ ...role.config, pageTokenKey });
    await service.start();
    return service.httpPort;
  }
  const server = createServer((request, response) => {
    const path = join(role.directory, "bare");
    const work = request.method === "PUT" ? receive(request, path) : send(response, path);
    work.then(
      () => response.end(),
      (error) => response.destroy(error),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function receive(request: IncomingMessage, path: string): Promise<void> {
  const file = await open(`${path}.part`, "w");
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  let filled = 0;
  for await (const chunk of request) {
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(chunk.length - at, PIECE_BYTES - filled);
      piece.set(chunk.subarray(at, at + length), filled);
      at += length;
      filled += length;
      if (filled < PIECE_BYTES) continue;
      await file.write(piece);
      filled = 0;
    }
  }
  if (filled > 0) await file.write(piece, 0, filled);
  await file.sync();
  await file.close();
  await rename(`${path}.part`, path);
  const directory = await open(dirname(path), "r");
  await directory.sync();
  await directory.close();
}

async function send(response: ServerResponse, path: string): Promise<void> {
  const file = createReadStream(path, { highWaterMark: PIECE_BYTES });
  await pipeline(file, response, { end: false });
}

process.on("message", (message: ServerRole | "rss") => {
  if (message === "rss") process.send?.({ rssBytes: process.memoryUsage.rss() });
  else void serve(message).then((port) => process.send?.({ port }));
});
process.on("disconnect", () => process.exit(0));
