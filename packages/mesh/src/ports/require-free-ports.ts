import { createServer } from "node:net";
import { PORT_OFFSET_MAX, type PortName, portsAt } from "@tidemill/config";
import { StateError } from "@tidemill/errors";
import { findPortHolder } from "./port-holder.ts";

/** The ports that something listens on in this release. */
const usedPorts = [
  "orchestratorHttp",
  "orchestratorGrpc",
  "artifactsHttp",
  "artifactsGrpc",
  "worker",
  "postgres",
  "nats",
] as const satisfies readonly PortName[];

const OFFSET_STEP = 100;
const OFFSETS_MAX = 50;

/**
 * Throws StateError PORT_TAKEN naming the first port of the mesh that is taken, who holds it where
 * that can be known, and the command with the first offset at which all are free.
 */
export async function requireFreePorts(offset: number): Promise<void> {
  const ports = portsAt(offset);
  const taken = await findTaken(usedPorts.map((name) => ports[name]));
  if (taken === undefined) return;
  const name = usedPorts.find((candidate) => ports[candidate] === taken);
  const holder = await findPortHolder(taken);
  const who =
    holder === undefined ? "another process" : `process ${holder.pid} (${holder.command})`;
  const free = await findFreeOffset(offset);
  throw new StateError(
    "PORT_TAKEN",
    `port ${taken} (${name}) is taken by ${who}: stop it, or start the mesh on other ports` +
      (free === undefined ? " with --port-offset" : `: npx tidemill up --port-offset ${free}`),
    { metadata: { port: String(taken) } },
  );
}

/** The first offset at which every port of the table is free, later services' too. */
async function findFreeOffset(from: number): Promise<number | undefined> {
  for (let step = 1; step <= OFFSETS_MAX; step++) {
    const offset = from + step * OFFSET_STEP;
    if (offset > PORT_OFFSET_MAX) return undefined;
    if ((await findTaken(Object.values(portsAt(offset)))) === undefined) return offset;
  }
  return undefined;
}

async function findTaken(ports: readonly number[]): Promise<number | undefined> {
  const free = await Promise.all(ports.map(isFree));
  return ports.find((_, index) => !free[index]);
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
