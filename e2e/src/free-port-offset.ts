import { createServer } from "node:net";
import { type PortName, portsAt } from "@tidemill/config";

const used: readonly PortName[] = [
  "orchestratorHttp",
  "orchestratorGrpc",
  "artifactsHttp",
  "artifactsGrpc",
  "worker",
  "postgres",
  "nats",
];
const OFFSET_MIN = 2000;
/** Below the ports that Linux gives to outgoing connections, which start at 32768. */
const OFFSET_MAX = 22_000;
const TRIES_MAX = 100;

/** A port offset at which a whole mesh can listen. Chosen by chance, as tests run side by side. */
export async function freePortOffset(random: () => number = Math.random): Promise<number> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const offset = OFFSET_MIN + Math.floor(random() * (OFFSET_MAX - OFFSET_MIN));
    if (await arePortsFree(offset)) return offset;
  }
  throw new Error(`no free port offset in ${TRIES_MAX} tries`);
}

/** Whether a whole mesh could listen at an offset. */
export async function arePortsFree(offset: number): Promise<boolean> {
  const ports = portsAt(offset);
  const free = await Promise.all(used.map((name) => isFree(ports[name])));
  return free.every(Boolean);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}
