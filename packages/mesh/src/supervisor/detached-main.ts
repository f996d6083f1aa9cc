import { messageOf, TidemillError } from "@tidemill/errors";
import { stopSignal } from "@tidemill/lifecycle";
import type { RunRecord } from "./run-record.ts";
import { startMesh } from "./start-mesh.ts";

/** What a detached supervisor tells whoever started it. */
export type DetachedMessage =
  | { readonly kind: "progress"; readonly line: string }
  | { readonly kind: "started"; readonly record: RunRecord }
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

function tell(message: DetachedMessage): void {
  // Whoever started this may have been interrupted: then nobody needs to know.
  if (process.connected) process.send?.(message, () => {});
}

const [home = "", portOffset = "0"] = process.argv.slice(2);
const env = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  ),
);
const stopping = new AbortController();
const stopped = stopSignal().then(() => stopping.abort());
try {
  const mesh = await startMesh({
    home,
    portOffset: Number(portOffset),
    env,
    progress: (line) => tell({ kind: "progress", line }),
    signal: stopping.signal,
  });
  tell({ kind: "started", record: mesh.record });
  const isLost = await Promise.race([stopped, mesh.lost.then(() => true)]);
  await mesh.stop();
  process.exitCode = isLost === true ? 1 : 0;
} catch (error) {
  const reason = error instanceof TidemillError ? error.reason : "START_FAILED";
  tell({ kind: "failed", reason, message: messageOf(error) });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
