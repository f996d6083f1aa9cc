import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { portsAt } from "@tidemill/config";

/** Where the services of one mesh answer. */
export interface MeshAddress {
  /** Whether a mesh is recorded as running here: then one that does not answer is restarting. */
  readonly isRecorded: boolean;
  readonly orchestratorGrpc: string;
  readonly artifactsGrpc: string;
  readonly artifactsHttp: string;
}

export interface AddressOptions {
  readonly home: string;
  /** `--port-offset`; absent means that of the mesh that runs on this home, or else 0. */
  readonly portOffset: number | undefined;
  /** `--host`: where a mesh on another machine listens. */
  readonly host: string;
}

export async function findMeshAddress(options: AddressOptions): Promise<MeshAddress> {
  const recorded = await recordedOffset(options.home);
  const offset = options.portOffset ?? recorded ?? 0;
  const ports = portsAt(offset);
  return {
    isRecorded: recorded === offset,
    orchestratorGrpc: `${options.host}:${ports.orchestratorGrpc}`,
    artifactsGrpc: `${options.host}:${ports.artifactsGrpc}`,
    artifactsHttp: `http://${options.host}:${ports.artifactsHttp}`,
  };
}

/**
 * Read here rather than through @tidemill/mesh, which takes longer to load than most commands take
 * to run. No mesh, or a record that is being written: the default ports are tried.
 */
async function recordedOffset(home: string): Promise<number | undefined> {
  try {
    const record: unknown = JSON.parse(
      await readFile(join(home, "run", "supervisor.json"), "utf8"),
    );
    if (typeof record !== "object" || record === null || !("portOffset" in record)) {
      return undefined;
    }
    return typeof record.portOffset === "number" ? record.portOffset : undefined;
  } catch {
    // A connection that fails says more than a record that cannot be read.
    return undefined;
  }
}
