import { InvalidError } from "@tidemill/errors";

/** Every port of the mesh at offset 0. `--port-offset N` adds N to all of them. */
export const basePorts = {
  orchestratorHttp: 8081,
  orchestratorGrpc: 9081,
  trainerHttp: 8082,
  trainerGrpc: 9082,
  tunerHttp: 8083,
  tunerGrpc: 9083,
  servingHttp: 8084,
  servingGrpc: 9084,
  registryHttp: 8085,
  registryGrpc: 9085,
  artifactsHttp: 8086,
  artifactsGrpc: 9086,
  artifactsS3: 9000,
  worker: 9087,
  postgres: 8090,
  nats: 8091,
} as const;

export type PortName = keyof typeof basePorts;
export type Ports = Readonly<Record<PortName, number>>;

/** The largest offset at which all of them are ports. */
export const PORT_OFFSET_MAX = 65_535 - Math.max(...Object.values(basePorts));

/**
 * The table of ports for one mesh. Throws InvalidError BAD_SETTING when one would not be a port.
 */
export function portsAt(offset: number): Ports {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > PORT_OFFSET_MAX) {
    throw new InvalidError(
      "BAD_SETTING",
      `port offset ${offset} is out of range: use a whole number from 0 to ${PORT_OFFSET_MAX}`,
    );
  }
  const entries = Object.entries(basePorts).map(([name, port]) => [name, port + offset]);
  return Object.fromEntries(entries) as Ports;
}
