import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import type { CommandContext } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { terminalOf } from "./output/terminal.ts";
import { createProgram, type GlobalOptions } from "./program.ts";

const interrupt = new AbortController();

/** The first Ctrl-C ends what goes on in order, a second one ends the process. */
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interrupt.signal.aborted) process.exit(exitCodes.interrupted);
    interrupt.abort();
  });
}
/** What started this process was interrupted, or is gone: nobody would ever end it. */
for (const event of ["message", "disconnect"] as const) {
  process.on(event, () => interrupt.abort());
}
process.channel?.unref();
/** A terminal that goes away says so more than once, and takes what is still written no more. */
process.on("SIGHUP", () => interrupt.abort());
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EIO") interrupt.abort();
    // Whoever reads the output has seen enough (`tidemill run list | head`).
    else process.exit(error.code === "EPIPE" ? exitCodes.ok : exitCodes.failed);
  });
}

function contextOf(options: GlobalOptions): CommandContext {
  const env = process.env;
  const home = resolve(options.home ?? env.TIDEMILL_HOME ?? join(homedir(), ".tidemill"));
  const host = options.host ?? "127.0.0.1";
  const terminal = terminalOf({
    out: process.stdout,
    error: process.stderr,
    dumb: env.TERM === "dumb",
    plain: options.color === false || (env.NO_COLOR ?? "") !== "",
  });
  return {
    terminal,
    env,
    home,
    json: options.json === true,
    namespace: options.namespace ?? "",
    portOffset: options.portOffset,
    cwd: process.cwd(),
    now: () => Date.now(),
    readStdin: () => buffer(process.stdin),
    signal: interrupt.signal,
    async address() {
      const { findMeshAddress } = await import("./mesh-client/mesh-address.ts");
      return findMeshAddress({ home, host, portOffset: options.portOffset });
    },
  };
}

const program = createProgram(contextOf, (exitCode) => {
  process.exitCode = exitCode;
});
await program.parseAsync(process.argv);
