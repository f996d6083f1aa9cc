import type { ProgramParts } from "../program.ts";

export interface UpOptions {
  readonly detach?: boolean;
  readonly demo?: boolean;
  readonly exit?: boolean;
}

/** `tidemill up`, `down`, `status`, `doctor`. */
export function addMeshCommands({ program, run }: ProgramParts): void {
  program
    .command("up")
    .description("start the mesh on this machine; Ctrl-C stops it")
    .option("--detach", "return once everything is serving")
    .option("--demo", "run examples/simple-ml-workflow once everything is serving")
    .option("--exit", "with --demo: stop after that run and end with its outcome")
    .addHelpText("after", "\nExample:\n  $ npx tidemill up --detach --port-offset 100")
    .action((options: UpOptions) =>
      run(async (context) => {
        const { startMeshHere } = await import("./up.ts");
        return startMeshHere(context, options);
      }),
    );

  program
    .command("down")
    .description("stop the mesh; runs go on at the next start")
    .addHelpText("after", "\nExample:\n  $ npx tidemill down")
    .action(() =>
      run(async (context) => {
        const { stopMeshHere } = await import("./down.ts");
        return stopMeshHere(context);
      }),
    );

  program
    .command("status")
    .description("what of the mesh runs, where, and since when")
    .addHelpText("after", "\nExample:\n  $ npx tidemill status --json")
    .action(() =>
      run(async (context) => {
        const { printStatus } = await import("./status.ts");
        return printStatus(context);
      }),
    );

  program
    .command("doctor")
    .description("check this machine, and say what to do about what is missing")
    .addHelpText("after", "\nExample:\n  $ npx tidemill doctor")
    .action(() =>
      run(async (context) => {
        const { examine } = await import("./doctor.ts");
        return examine(context);
      }),
    );
}
