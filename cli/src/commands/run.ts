import { gather, readCount, readLimit } from "../option-values.ts";
import type { ProgramParts } from "../program.ts";

export interface SubmitOptions {
  readonly pipeline?: string;
  readonly version?: string;
  readonly name?: string;
  readonly param?: readonly string[];
  readonly params?: string;
  readonly pipelineRoot?: string;
  readonly requestId?: string;
  readonly wait?: boolean;
}

export interface ListOptions {
  readonly state?: readonly string[];
  readonly limit: number;
}

export interface LogsOptions {
  readonly follow?: boolean;
  readonly attempt: number;
  readonly tail: number;
}

const LIST_LIMIT = 20;

/** `tidemill run ...` */
export function addRunCommands({ program, run }: ProgramParts): void {
  const group = program.command("run").description("submit runs and look at them");

  group
    .command("submit")
    .description("start a run of a compiled pipeline")
    .argument("[file]", "IR YAML or JSON, as the KFP compiler writes it; - is standard input")
    .option("--pipeline <name>", "an uploaded pipeline instead of a file: its newest version")
    .option("--version <name>", "that version of it")
    .option("--name <name>", "what to call the run")
    .option("-p, --param <name=value>", "a parameter, read by its type; repeatable", gather)
    .option("--params <file>", "parameters as a JSON object")
    .option("--pipeline-root <address>", "where artifacts get their addresses")
    .option("--request-id <id>", "the same id never starts a second run")
    .option("--wait", "watch the run and end with its outcome")
    .addHelpText(
      "after",
      '\nExample:\n  $ npx tidemill run submit pipeline.yaml -p epochs=3 -p rates="[0.1, 0.2]" --wait',
    )
    .action((file: string | undefined, options: SubmitOptions) =>
      run(async (context) => {
        const { submitRun } = await import("./run-submit.ts");
        return submitRun(context, file, options);
      }),
    );

  group
    .command("list")
    .description("runs, newest first")
    .option("--state <state>", "only runs in that state; repeatable", gather)
    .option("--limit <n>", "how many at most", readLimit, LIST_LIMIT)
    .addHelpText("after", "\nExample:\n  $ npx tidemill run list --state failed --limit 5")
    .action((options: ListOptions) =>
      run(async (context) => {
        const { listRuns } = await import("./run-list.ts");
        return listRuns(context, options);
      }),
    );

  group
    .command("get")
    .description("one run: its tasks, parameters, outputs and metrics")
    .argument("<run>", "id of the run, or `latest`")
    .addHelpText("after", "\nExample:\n  $ npx tidemill run get latest")
    .action((id: string) =>
      run(async (context) => {
        const { getRun } = await import("./run-get.ts");
        return getRun(context, id);
      }),
    );

  addFollowingCommands({ program: group, run });
}

function addFollowingCommands({ program: group, run }: ProgramParts): void {
  group
    .command("watch")
    .description("the run's tasks as they change, to its end")
    .argument("<run>", "id of the run, or `latest`")
    .addHelpText("after", "\nExample:\n  $ npx tidemill run watch latest")
    .action((id: string) =>
      run(async (context) => {
        const { watchRun } = await import("./run-watch.ts");
        return watchRun(context, id);
      }),
    );

  group
    .command("logs")
    .description("what the tasks of a run printed")
    .argument("<run>", "id of the run, or `latest`")
    .argument("[task]", "path or id of one task; all of them without")
    .option("-f, --follow", "go on until the run has ended")
    .option("--attempt <n>", "that attempt of the task; 0 is the newest", readCount, 0)
    .option("--tail <bytes>", "only that much before the end of each stream", readCount, 0)
    .addHelpText("after", "\nExample:\n  $ npx tidemill run logs latest train --follow")
    .action((id: string, task: string | undefined, options: LogsOptions) =>
      run(async (context) => {
        const { printLogs } = await import("./run-logs.ts");
        return printLogs(context, id, task, options);
      }),
    );

  group
    .command("terminate")
    .description("end a run; its tasks get TERM, and KILL ten seconds later")
    .argument("<run>", "id of the run, or `latest`")
    .addHelpText("after", "\nExample:\n  $ npx tidemill run terminate latest")
    .action((id: string) =>
      run(async (context) => {
        const { terminateRun } = await import("./run-terminate.ts");
        return terminateRun(context, id);
      }),
    );
}
