import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, TidemillError, UnavailableError } from "@tidemill/errors";
import { type RunRecord, startDetached, startMesh } from "@tidemill/mesh";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { withClients } from "../mesh-client/clients.ts";
import { printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { usageError } from "../usage-error.ts";
import type { UpOptions } from "./mesh.ts";
import { createRun, waitForRun } from "./run-submit.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
/** A mesh in the foreground stops with the Ctrl-C that ends the watching. */
const RUN_WAITS = "the run goes on when the mesh is started again";
const DEMO = "examples/simple-ml-workflow/pipeline.yaml";

/** `tidemill up`: in the foreground until Ctrl-C, which is a success. */
export async function startMeshHere(
  context: CommandContext,
  options: UpOptions,
): Promise<ExitCode> {
  if (options.exit === true && (options.demo !== true || options.detach === true)) {
    throw usageError("--exit goes with --demo, in the foreground");
  }
  const start = {
    home: context.home,
    portOffset: context.portOffset ?? 0,
    env: definedVariables(context),
    progress: (line: string) => context.terminal.note(line),
  };
  if (options.detach === true) {
    const record = await startDetached(start).catch(failStart);
    printUp(context, record);
    return options.demo === true ? runDemo(context, record) : exitCodes.ok;
  }
  const mesh = await startMesh({ ...start, signal: context.signal }).catch(failStart);
  try {
    printUp(context, mesh.record);
    if (options.demo === true) {
      const outcome = await runDemo(context, mesh.record, RUN_WAITS);
      if (options.exit === true) return outcome;
    }
    if (!context.json && !context.signal.aborted) context.terminal.note("Ctrl-C stops it");
    const isLost = await Promise.race([interrupted(context), mesh.lost.then(() => true)]);
    if (isLost) context.terminal.note("tidemill: the process that watches all others is gone");
    return isLost ? exitCodes.failed : exitCodes.ok;
  } finally {
    if (!context.json) context.terminal.note("stopping");
    await mesh.stop();
  }
}

/** The first example, shown live; then where everything is and what to do next. */
async function runDemo(
  context: CommandContext,
  record: RunRecord,
  interruption?: string,
): Promise<ExitCode> {
  const outcome = await withClients(context, async (clients) => {
    const run = await createRun(context, clients, join(root, DEMO), {});
    if (!context.json) context.terminal.print(`\nrun ${run.id} of ${DEMO}`);
    return waitForRun(context, clients, run.id, interruption);
  });
  if (!context.json && outcome !== exitCodes.interrupted) printNext(context, record);
  return outcome;
}

function printUp(context: CommandContext, record: RunRecord): void {
  if (context.json) {
    printJson(context.terminal, { state: "up", record });
    return;
  }
  const took = ((context.now() - record.startedMs) / 1000).toFixed(1);
  context.terminal.print(`tidemill is up after ${took} s, its home is ${context.home}`);
}

function printNext({ terminal, portOffset }: CommandContext, record: RunRecord): void {
  const paint = paintOf(terminal.colors);
  const offset = portOffset === undefined || portOffset === 0 ? "" : ` --port-offset ${portOffset}`;
  terminal.print("");
  terminal.print(paint.strong("addresses"));
  terminal.print(
    `  orchestrator  ${record.urls.orchestrator}  (Connect, gRPC, gRPC-web, /metrics)`,
  );
  terminal.print(`  artifacts     ${record.urls.artifacts}`);
  terminal.print("");
  terminal.print(paint.strong("try next, in another terminal"));
  terminal.print(`  npx tidemill${offset} run logs latest evaluate`);
  terminal.print(`  npx tidemill${offset} run submit ${DEMO} -p seed=11 --wait`);
  terminal.print(`  npx tidemill${offset} artifact list --run latest`);
  terminal.print("");
}

function interrupted({ signal }: CommandContext): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    else signal.addEventListener("abort", () => resolve(false), { once: true });
  });
}

/** A mesh that cannot start on this machine ends the command with 3, whatever the cause. */
function failStart(cause: unknown): never {
  const reason = cause instanceof TidemillError ? cause.reason : "START_FAILED";
  throw new UnavailableError("start", messageOf(cause), { cause, metadata: { reason } });
}

function definedVariables({ env }: CommandContext): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
