import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StateError } from "@tidemill/errors";
import { homeLayout } from "../home/home-layout.ts";
import type { DetachedMessage } from "./detached-main.ts";
import type { RunRecord } from "./run-record.ts";
import type { StartMeshOptions } from "./start-mesh.ts";

const main = fileURLToPath(new URL("./detached-main.ts", import.meta.url));

/**
 * Starts the mesh in a session of its own and returns once all of it serves. Throws StateError with
 * the message that the start failed with.
 */
export async function startDetached(
  options: Pick<StartMeshOptions, "home" | "portOffset" | "env" | "progress">,
): Promise<RunRecord> {
  const { logs } = homeLayout(options.home);
  const child = spawn(process.execPath, [main, options.home, String(options.portOffset)], {
    env: { ...options.env, TIDEMILL_HOME: options.home },
    cwd: "/",
    detached: true,
    stdio: ["ignore", "ignore", openOutput(logs), "ipc"],
  });
  try {
    return await new Promise((resolve, reject) => {
      child.on("message", (message: DetachedMessage) => {
        if (message.kind === "progress") options.progress?.(message.line);
        if (message.kind === "started") resolve(message.record);
        if (message.kind === "failed") reject(new StateError(message.reason, message.message));
      });
      child.once("error", reject);
      child.once("exit", (code) => {
        const message = `the supervisor ended with ${code} before the mesh was up: see ${logs}`;
        reject(new StateError("START_FAILED", message));
      });
    });
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** Where a crash of the supervisor itself leaves its trace. */
function openOutput(logs: string): number | "ignore" {
  try {
    return openSync(join(logs, "supervisor.err"), "w", 0o600);
  } catch {
    // A first start has no such directory yet; it reports by messages.
    return "ignore";
  }
}
