import { rm } from "node:fs/promises";
import { StateError } from "@tidemill/errors";
import { meshStatus } from "../supervisor/mesh-status.ts";
import { homeLayout } from "./home-layout.ts";
import { findPostgresDirectory } from "./postgres-site.ts";

/**
 * Deletes a home and its database, wherever that lies. Throws StateError HOME_IN_USE when a mesh
 * runs on it.
 */
export async function removeHome(home: string): Promise<void> {
  const status = await meshStatus(home);
  if (status.state !== "down" && status.state !== "crashed") {
    const message = `process ${status.record.pid} runs on ${home}: stop it first`;
    throw new StateError("HOME_IN_USE", message);
  }
  const database = await findPostgresDirectory(homeLayout(home));
  await rm(database, { recursive: true, force: true });
  await rm(home, { recursive: true, force: true });
}
