import { doctor } from "@tidemill/mesh";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson } from "../output/json.ts";
import { paintOf } from "../output/paint.ts";

/** `tidemill doctor`: changes nothing; 3 when the mesh could not start or does not serve. */
export async function examine(context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  const env = Object.fromEntries(
    Object.entries(context.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
  const findings = await doctor({
    home: context.home,
    portOffset: context.portOffset ?? 0,
    env,
  });
  if (context.json) {
    printJson(terminal, { findings });
  } else {
    const paint = paintOf(terminal.colors);
    const marks = { good: paint.good("✓"), notice: paint.busy("!"), bad: paint.bad("✗") };
    for (const { check, outcome, message } of findings) {
      terminal.print(`${marks[outcome]} ${check.padEnd(9)} ${message}`);
    }
  }
  const isBad = findings.some(({ outcome }) => outcome === "bad");
  return isBad ? exitCodes.unavailable : exitCodes.ok;
}
