import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { addArtifactCommands } from "./commands/artifact.ts";
import { addEnvCommands } from "./commands/env.ts";
import { addMeshCommands } from "./commands/mesh.ts";
import { addPipelineCommands } from "./commands/pipeline.ts";
import { addRunCommands } from "./commands/run.ts";
import type { CommandContext } from "./context.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { readPortOffset } from "./option-values.ts";

export interface GlobalOptions {
  readonly home?: string;
  readonly host?: string;
  readonly portOffset?: number;
  readonly namespace?: string;
  readonly json?: boolean;
  readonly color?: boolean;
}

export interface ProgramParts {
  readonly program: Command;
  run(work: (context: CommandContext) => Promise<ExitCode>): Promise<void>;
}

const about = `Runs compiled Kubeflow pipelines on this machine.

Exit codes: 0 done, 1 the run failed or the request was refused, 2 the command line is wrong,
3 the mesh does not answer or cannot run here, 130 Ctrl-C while watching.`;

/** The whole command line. Nothing heavy is loaded before a command runs. */
export function createProgram(
  contextOf: (options: GlobalOptions) => CommandContext,
  exit: (code: ExitCode) => void,
): Command {
  const program = new Command("tidemill");
  program
    .description(about)
    .option("--home <directory>", "where the mesh keeps everything ($TIDEMILL_HOME, ~/.tidemill)")
    .option("--host <address>", "where the mesh listens", "127.0.0.1")
    .option("--port-offset <n>", "added to every port", readPortOffset)
    .option("-n, --namespace <name>", "namespace of runs, pipelines and artifacts (default)")
    .option("--json", "JSON instead of tables; one document a line for watch and logs")
    .option("--no-color", "no colours, on a terminal either")
    .showHelpAfterError("(add --help for help)")
    .enablePositionalOptions(false)
    .addHelpText(
      "after",
      "\nExample:\n  $ npx tidemill run submit pipeline.yaml -p epochs=3 --wait",
    );

  const parts: ProgramParts = {
    program,
    async run(work) {
      const context = contextOf(program.opts<GlobalOptions>());
      try {
        exit(await work(context));
      } catch (error) {
        const { failureOf } = await import("./failure.ts");
        const failure = failureOf(error);
        if (context.json) context.terminal.print(JSON.stringify(failure.json, undefined, 2));
        else for (const line of failure.lines) context.terminal.note(line);
        exit(failure.exitCode);
      }
    },
  };
  addMeshCommands(parts);
  addRunCommands(parts);
  addPipelineCommands(parts);
  addArtifactCommands(parts);
  addEnvCommands(parts);
  endInsteadOfExiting(program, exit);
  return program;
}

/** Commander's own ends: help and version are fine, anything else is a wrong command line. */
function endInsteadOfExiting(program: Command, exit: (code: ExitCode) => void): void {
  const parse = program.parseAsync.bind(program);
  for (const command of allCommands(program)) command.exitOverride();
  program.parseAsync = async (words = process.argv) => {
    try {
      return await parse(rewritten(program, words));
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage);
      return program;
    }
  };
}

/**
 * `help run submit` is `run submit --help`. The version of the program is asked for where no
 * command stands: some commands have a `--version` of their own.
 */
function rewritten(program: Command, argv: readonly string[]): readonly string[] {
  const [node = "", script = "", first, ...rest] = argv;
  if (first === "help") {
    const known = isCommand(program, rest);
    return [node, script, ...rest, ...(known ? ["--help"] : [])];
  }
  const names = new Set(program.commands.map((command) => command.name()));
  if (!argv.some((word) => names.has(word))) program.version(ownVersion(), "-V, --version");
  return argv;
}

/** Whether words lead from command to command; none lead to the program itself. */
function isCommand(command: Command, [word, ...rest]: readonly string[]): boolean {
  if (word === undefined) return true;
  const child = command.commands.find((candidate) => candidate.name() === word);
  return child !== undefined && isCommand(child, rest);
}

function ownVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  return version;
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
