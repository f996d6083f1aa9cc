import { stopMesh } from "@tidemill/mesh";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson } from "../output/json.ts";

/** `tidemill down`: returns when nothing of the mesh is left; one that is down already is fine. */
export async function stopMeshHere(context: CommandContext): Promise<ExitCode> {
  const outcome = await stopMesh(context.home, (name) => {
    const why = name === "worker" ? ", whose tasks have ten seconds to end" : "";
    if (!context.json) context.terminal.note(`waiting for ${name}${why}`);
  });
  if (context.json) printJson(context.terminal, { state: "down", outcome });
  else
    context.terminal.print(outcome === "stopped" ? "stopped" : `no mesh runs on ${context.home}`);
  return exitCodes.ok;
}
