import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@tidemill/errors";
import { assertRunsFold } from "@tidemill/orchestrator/testing";
import { createDatabase } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import type { TestMesh } from "./test-mesh.ts";

/** Role and database of the orchestrator. */
const NAME = "tidemill_orchestrator";

/**
 * `fold(journal) == rows` and the other invariants of the journal, for every run of a mesh. Returns
 * what did not hold, or undefined.
 */
export async function checkJournals(mesh: TestMesh): Promise<string | undefined> {
  const database = createDatabase({
    url: `postgres://${NAME}@127.0.0.1:${mesh.ports.postgres}/${NAME}`,
    password: readFileSync(join(mesh.home, "credentials", "postgres-orchestrator"), "utf8").trim(),
    poolMax: 1,
    log: silentLogger,
  });
  try {
    await database.start();
    await assertRunsFold(database, (digest) => readBlob(mesh, digest));
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    await database.stop();
  }
}

async function readBlob({ ports }: TestMesh, digest: string): Promise<Uint8Array> {
  const response = await fetch(`http://127.0.0.1:${ports.artifactsHttp}/v1/blobs/${digest}`);
  if (!response.ok) throw new Error(`blob ${digest}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
