import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StateError } from "@tidemill/errors";

/** A home that nobody else may run a worker on. */
export interface HomeClaim {
  release(): Promise<void>;
}

const DIGEST_CHARS = 32;

/**
 * Claims a worker's home for this process for as long as it lives: two workers of one home have one
 * identity, displace each other at the orchestrator for ever, and lose what the other runs. Throws
 * StateError HOME_IN_USE. A socket does it, because the kernel takes it back whatever happens.
 */
export async function claimHome(home: string): Promise<HomeClaim> {
  const address = addressOf(home);
  const server = await listen(address).catch(async (error: unknown) => {
    if (await isAnswered(address)) throw inUse(home);
    if (address.startsWith("\0")) throw error;
    // Left behind by one that was killed.
    await rm(address, { force: true });
    return await listen(address);
  });
  return {
    async release() {
      server.close();
      await once(server, "close");
    },
  };
}

/** Where there are abstract sockets nothing can be left behind, nor a path be too long. */
function addressOf(home: string): string {
  const owner = `${process.getuid?.() ?? ""}:${realpathSync(home)}`;
  const digest = createHash("sha256").update(owner).digest("hex").slice(0, DIGEST_CHARS);
  const name = `tidemill-worker-${digest}`;
  return process.platform === "linux" ? `\0${name}` : join(tmpdir(), name);
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).unref();
  server.listen(address);
  await once(server, "listening");
  return server;
}

async function isAnswered(address: string): Promise<boolean> {
  const socket = createConnection(address);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function inUse(home: string): StateError {
  return new StateError(
    "HOME_IN_USE",
    `another worker runs on ${home}: end it, or give this one its own TIDEMILL_WORKER_HOME`,
  );
}
