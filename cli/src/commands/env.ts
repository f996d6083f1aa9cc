import type { ProgramParts } from "../program.ts";

/** `tidemill env ...` */
export function addEnvCommands({ program, run }: ProgramParts): void {
  const group = program.command("env").description("Python environments of tasks");

  group
    .command("list")
    .description("environments that the worker has built on this machine")
    .addHelpText("after", "\nExample:\n  $ npx tidemill env list")
    .action(() =>
      run(async (context) => {
        const { listEnvironments } = await import("./env-list.ts");
        return listEnvironments(context);
      }),
    );
}
