import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf, NotFoundError } from "@tidemill/errors";
import { systemClock, uuidv7Source } from "@tidemill/lifecycle";
import type { PipelineParameter } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import { type Run, RunSchema } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { CommandContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type Clients, withClients } from "../mesh-client/clients.ts";
import { listAllTasks } from "../mesh-client/find-run.ts";
import { findVersion } from "../mesh-client/find-version.ts";
import { type PipelineSource, readSource, timeoutFor } from "../mesh-client/pipeline-source.ts";
import { listRunArtifacts } from "../mesh-client/run-artifacts.ts";
import { jsonOf, printJson } from "../output/json.ts";
import { printRunResult } from "../output/run-result.ts";
import { readParameters } from "../parameters.ts";
import { usageError } from "../usage-error.ts";
import type { SubmitOptions } from "./run.ts";
import { outcomeOf, showRun } from "./run-watch.ts";

/** `tidemill run submit` */
export async function submitRun(
  context: CommandContext,
  file: string | undefined,
  options: SubmitOptions,
): Promise<ExitCode> {
  if ((file === undefined) === (options.pipeline === undefined)) {
    throw usageError("name a file or --pipeline, one of the two");
  }
  return withClients(context, async (clients) => {
    const run = await createRun(context, clients, file, options);
    if (options.wait !== true) {
      if (context.json) printJson(context.terminal, jsonOf(RunSchema, run));
      else printSubmitted(context, run);
      return exitCodes.ok;
    }
    return waitForRun(context, clients, run.id);
  });
}

/**
 * Shows a run to its end and prints what came of it. `interruption` tells a person what becomes of
 * the run after a Ctrl-C.
 */
export async function waitForRun(
  context: CommandContext,
  clients: Clients,
  runId: string,
  interruption?: string,
): Promise<ExitCode> {
  const runs = await clients.runs();
  const ended = await showRun(context, runs, runId);
  const exitCode = outcomeOf(context, ended, { resultFollows: true, interruption });
  if (ended !== undefined && !context.json) {
    const tasks = await listAllTasks(runs, context.namespace, runId);
    const artifacts = await listRunArtifacts(await clients.artifacts(), context.namespace, runId);
    // Lines have them whole, a tree only as far as there is room.
    const withErrors = context.terminal.interactive;
    printRunResult(context.terminal, { run: ended, tasks, artifacts, withErrors });
  }
  return exitCode;
}

/** Sends the run; parameters are read by the types that the pipeline declares. */
export async function createRun(
  context: CommandContext,
  clients: Clients,
  file: string | undefined,
  options: SubmitOptions,
): Promise<Run> {
  const { pipeline, declared, sizeBytes } =
    file === undefined
      ? await chooseVersion(context, clients, options)
      : await chooseFile(context, clients, file, options);
  const paramsText =
    options.params === undefined ? undefined : await readText(context, options.params);
  const runs = await clients.runs();
  const { run } = await runs.createRun(
    {
      namespace: context.namespace,
      // A repeat of this call after a lost answer must not start a second run.
      requestId: options.requestId ?? uuidv7Source(systemClock).next(),
      name: options.name ?? "",
      pipeline,
      parametersJson: readParameters(declared, options.param ?? [], paramsText),
      pipelineRoot: options.pipelineRoot ?? "",
    },
    timeoutFor(sizeBytes),
  );
  if (run === undefined) throw new NotFoundError("run", "just created");
  return run;
}

interface Chosen {
  readonly pipeline:
    | { readonly case: "source"; readonly value: PipelineSource }
    | { readonly case: "pipelineVersionId"; readonly value: string };
  readonly declared: readonly PipelineParameter[];
  readonly sizeBytes: number;
}

/** The mesh is asked for the types only when there are values to read. */
async function chooseFile(
  context: CommandContext,
  clients: Clients,
  file: string,
  options: SubmitOptions,
): Promise<Chosen> {
  const { source, sizeBytes } = await readSource(context, file);
  const hasValues = options.param !== undefined || options.params !== undefined;
  const pipelines = hasValues ? await clients.pipelines() : undefined;
  const { namespace } = context;
  const answer = await pipelines?.validatePipeline({ namespace, source }, timeoutFor(sizeBytes));
  return {
    pipeline: { case: "source", value: source },
    declared: answer?.parameters ?? [],
    sizeBytes,
  };
}

async function chooseVersion(
  context: CommandContext,
  clients: Clients,
  options: SubmitOptions,
): Promise<Chosen> {
  const pipelines = await clients.pipelines();
  const version = await findVersion(pipelines, {
    namespace: context.namespace,
    pipeline: options.pipeline ?? "",
    version: options.version,
  });
  const answer = await pipelines.getPipelineVersion({
    namespace: context.namespace,
    id: version.id,
  });
  return {
    pipeline: { case: "pipelineVersionId", value: version.id },
    declared: answer.parameters,
    sizeBytes: Number(version.specSizeBytes),
  };
}

async function readText(context: CommandContext, file: string): Promise<string> {
  try {
    return await readFile(resolve(context.cwd, file), "utf8");
  } catch (cause) {
    throw usageError(`cannot read ${file}: ${messageOf(cause)}`);
  }
}

function printSubmitted(context: CommandContext, run: Run): void {
  context.terminal.print(`run ${run.id} submitted: ${run.name}`);
  for (const warning of run.warnings) context.terminal.note(`warning: ${warning.message}`);
  context.terminal.note(`watch it with: npx tidemill run watch ${run.id}`);
}
