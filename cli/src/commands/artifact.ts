import { readLimit } from "../option-values.ts";
import type { ProgramParts } from "../program.ts";

export interface ArtifactListOptions {
  readonly run?: string;
  readonly limit: number;
}

export interface ArtifactGetOptions {
  readonly output?: string;
  readonly force?: boolean;
}

const LIST_LIMIT = 20;

/** `tidemill artifact ...` */
export function addArtifactCommands({ program, run }: ProgramParts): void {
  const group = program.command("artifact").description("what runs made");

  group
    .command("list")
    .description("artifacts, newest first")
    .option("--run <run>", "only those of that run, or of the `latest`")
    .option("--limit <n>", "how many at most", readLimit, LIST_LIMIT)
    .addHelpText("after", "\nExample:\n  $ npx tidemill artifact list --run latest")
    .action((options: ArtifactListOptions) =>
      run(async (context) => {
        const { listArtifacts } = await import("./artifact-list.ts");
        return listArtifacts(context, options);
      }),
    );

  group
    .command("get")
    .description("one artifact: its record, or with --output its files")
    .argument("<artifact>", "id of the artifact, or with --output the digest of any blob")
    .option("-o, --output <path>", "write its file, or its directory, there; - is standard output")
    .option("--force", "write over files that are there")
    .addHelpText("after", "\nExample:\n  $ npx tidemill artifact get <id> --output model.pickle")
    .action((id: string, options: ArtifactGetOptions) =>
      run(async (context) => {
        const { getArtifact } = await import("./artifact-get.ts");
        return getArtifact(context, id, options);
      }),
    );
}
