import { readLimit } from "../option-values.ts";
import type { ProgramParts } from "../program.ts";

export interface UploadOptions {
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
}

export interface PipelineListOptions {
  readonly limit: number;
}

const LIST_LIMIT = 20;

/** `tidemill pipeline ...` */
export function addPipelineCommands({ program, run }: ProgramParts): void {
  const group = program.command("pipeline").description("keep compiled pipelines by name");

  group
    .command("upload")
    .description("keep a compiled pipeline; a name that is there gets a new version")
    .argument("<file>", "IR YAML or JSON, as the KFP compiler writes it; - is standard input")
    .option("--name <name>", "name of the pipeline (that inside the file)")
    .option("--version <name>", "name of the version (v1, v2 and so on)")
    .option("--description <text>", "what it is for")
    .addHelpText("after", "\nExample:\n  $ npx tidemill pipeline upload pipeline.yaml --name iris")
    .action((file: string, options: UploadOptions) =>
      run(async (context) => {
        const { uploadPipeline } = await import("./pipeline-upload.ts");
        return uploadPipeline(context, file, options);
      }),
    );

  group
    .command("list")
    .description("pipelines, newest first")
    .option("--limit <n>", "how many at most", readLimit, LIST_LIMIT)
    .addHelpText("after", "\nExample:\n  $ npx tidemill pipeline list")
    .action((options: PipelineListOptions) =>
      run(async (context) => {
        const { listPipelines } = await import("./pipeline-list.ts");
        return listPipelines(context, options);
      }),
    );

  group
    .command("versions")
    .description("versions of one pipeline, newest first")
    .argument("<name>", "name of the pipeline")
    .option("--limit <n>", "how many at most", readLimit, LIST_LIMIT)
    .addHelpText("after", "\nExample:\n  $ npx tidemill pipeline versions iris")
    .action((name: string, options: PipelineListOptions) =>
      run(async (context) => {
        const { listVersions } = await import("./pipeline-versions.ts");
        return listVersions(context, name, options);
      }),
    );

  group
    .command("validate")
    .description("say what is wrong with a compiled pipeline, without keeping it")
    .argument("<file>", "IR YAML or JSON; - is standard input")
    .addHelpText("after", "\nExample:\n  $ npx tidemill pipeline validate pipeline.yaml")
    .action((file: string) =>
      run(async (context) => {
        const { validatePipeline } = await import("./pipeline-validate.ts");
        return validatePipeline(context, file);
      }),
    );
}
