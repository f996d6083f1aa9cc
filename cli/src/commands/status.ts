import { join } from "node:path";
import { type MeshStatus, meshStatus, type RunRecord } from "@tidemill/mesh";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";
import { formatDuration } from "../output/quantities.ts";
import { table } from "../output/table.ts";

/** `tidemill status`: 0 when everything serves, 3 otherwise. */
export async function printStatus(context: CommandContext): Promise<ExitCode> {
  const status = await meshStatus(context.home);
  if (context.json) printJson(context.terminal, { home: context.home, ...status });
  else printForPerson(context, status);
  return status.state === "up" ? exitCodes.ok : exitCodes.unavailable;
}

function printForPerson(context: CommandContext, status: MeshStatus): void {
  const { terminal, home } = context;
  switch (status.state) {
    case "down":
      terminal.print(`no mesh runs on ${home}: \`npx tidemill up\` starts one`);
      return;
    case "crashed":
      terminal.print(
        `the mesh on ${home} was killed (process ${status.record.pid}): ` +
          "`npx tidemill up` recovers it",
      );
      return;
    case "up":
    case "starting":
    case "degraded":
      printProcesses(context, status);
      return;
    default:
      status satisfies never;
  }
}

function printProcesses(
  context: CommandContext,
  status: Extract<MeshStatus, { state: "up" | "starting" | "degraded" }>,
): void {
  const { terminal, home } = context;
  const { record, processes } = status;
  const paint = paintOf(terminal.colors);
  const rows = processes.map((entry) => [
    entry.name,
    entry.serving ? "serving" : entry.state === "serving" ? "not answering" : entry.state,
    entry.pid === undefined ? "-" : String(entry.pid),
    portsOf(record, entry.name),
    formatDuration(context.now() - entry.sinceMs),
    String(entry.restarts),
  ]);
  const header = ["PROCESS", "STATE", "PID", "PORTS", "SINCE", "RESTARTS"];
  const [first = "", ...lines] = table(header, rows);
  terminal.print(`${status.state}, process ${record.pid}, home ${home}`);
  terminal.print("");
  terminal.print(paint.strong(first));
  for (const line of lines) terminal.print(line);
  terminal.print("");
  terminal.print(`orchestrator  ${record.urls.orchestrator}`);
  terminal.print(`artifacts     ${record.urls.artifacts}`);
  terminal.print(`database      ${record.postgresDirectory}`);
  terminal.print(`logs          ${join(home, "logs")}`);
}

function portsOf({ ports }: RunRecord, name: string): string {
  const used = Object.entries(ports).filter(
    ([port]) => port === name || port === `${name}Http` || port === `${name}Grpc`,
  );
  return used.map(([, port]) => port).join(", ");
}
