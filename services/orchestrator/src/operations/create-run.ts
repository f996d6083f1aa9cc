import { InvalidError } from "@tidemill/errors";
import type { Warning } from "../domain/journal-event.ts";
import {
  PARAMETER_INLINE_BYTES_MAX,
  type Parameters,
  type ParameterValue,
} from "../domain/parameter-value.ts";
import type { Plan } from "../domain/plan.ts";
import { resolveRunParameters } from "../domain/resolve-run-parameters.ts";
import { ensureNamespace, loadPipelineVersion } from "../store/pipeline-store.ts";
import type { RunRecord } from "../store/records.ts";
import { ensureSpec } from "../store/spec-store.ts";
import type { AnswerOnce } from "./answer-once.ts";
import { jsonCodec } from "./json-codec.ts";
import type { Caller, OperationContext } from "./operation-context.ts";
import { planOf, readSource, type SpecSource, specRecordOf } from "./read-source.ts";

export interface CreateRun {
  readonly namespace: string;
  /** `""` means the pipeline's name and the time. */
  readonly name: string;
  readonly from:
    | { readonly kind: "source"; readonly source: SpecSource }
    | { readonly kind: "version"; readonly pipelineVersionId: string };
  /** Name to JSON text. */
  readonly parameters: Readonly<Record<string, string>>;
  /** `""` means that of the specification, or else DEFAULT_PIPELINE_ROOT. */
  readonly pipelineRoot: string;
}

const DEFAULT_PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts";

/** Values of one run's parameters together, as they travel in its journal. */
const PARAMETERS_BYTES_MAX = 16 * 1024 * 1024;

export type CreateRunContext = OperationContext & { readonly answers: AnswerOnce };

/** Creates a run and answers once it is kept: from then on it will end, whatever is killed. */
export function createRun(
  context: CreateRunContext,
  command: CreateRun,
  caller: Caller,
): Promise<RunRecord> {
  return context.answers.run(caller.key, async () => {
    const prepared = await prepare(context, command, caller.createdBy);
    const parameters = await place(
      context,
      command.namespace,
      resolveRunParameters(prepared.plan, command.parameters),
    );
    return context.engine.runs.create(
      {
        kind: "create",
        runId: context.ids.next(),
        namespace: command.namespace,
        name: command.name || nameOf(prepared.plan, context.clock.now()),
        pipelineVersionId: prepared.pipelineVersionId,
        specDigest: prepared.specDigest,
        parameters,
        pipelineRoot: requireRoot(
          command.pipelineRoot || prepared.plan.defaultPipelineRoot || DEFAULT_PIPELINE_ROOT,
        ),
        createdBy: caller.createdBy,
        warnings: prepared.warnings,
      },
      prepared.plan,
      { key: caller.key, encode: jsonCodec<RunRecord>().encode },
    );
  });
}

interface Prepared {
  readonly plan: Plan;
  readonly specDigest: string;
  readonly pipelineVersionId: string;
  readonly warnings: readonly Warning[];
}

/** Whatever the run refers to is kept before it: a specification without a run does no harm. */
async function prepare(
  context: CreateRunContext,
  { namespace, from }: CreateRun,
  createdBy: string,
): Promise<Prepared> {
  const { database, clock } = context;
  if (from.kind === "version") {
    const version = await loadPipelineVersion(database, namespace, from.pipelineVersionId);
    const plan = await context.plans.planOf(version.specDigest);
    const { specDigest, id } = version;
    return { plan, specDigest, pipelineVersionId: id, warnings: [] };
  }
  const source = await readSource(context, from.source);
  const spec = await specRecordOf(context, source);
  await database.transaction((tx) =>
    Promise.all([
      ensureNamespace(tx, namespace, { createdBy, createdAt: clock.now() }),
      ensureSpec(tx, spec),
    ]),
  );
  const { warnings, digest } = source;
  return { plan: planOf(context, source), specDigest: digest, pipelineVersionId: "", warnings };
}

/** Values too large for a row are put to the artifact service. */
async function place(
  { blobs }: Pick<OperationContext, "blobs">,
  namespace: string,
  parameters: Readonly<Record<string, ParameterValue>>,
): Promise<Parameters> {
  const placed: Record<string, ParameterValue> = {};
  let bytesTogether = 0;
  for (const [name, value] of Object.entries(parameters)) {
    const sizeBytes = value.kind === "json" ? Buffer.byteLength(value.json) : 0;
    if (value.kind === "blob" || sizeBytes <= PARAMETER_INLINE_BYTES_MAX) {
      placed[name] = value;
      bytesTogether += sizeBytes;
    } else {
      const digest = await blobs.put(namespace, Buffer.from(value.json, "utf8"));
      placed[name] = { kind: "blob", digest, sizeBytes };
    }
  }
  if (bytesTogether > PARAMETERS_BYTES_MAX) throw parametersTooLarge(bytesTogether);
  return placed;
}

function parametersTooLarge(bytes: number): InvalidError {
  const rule = `parameters up to ${PARAMETER_INLINE_BYTES_MAX} bytes each may have ${PARAMETERS_BYTES_MAX} together`;
  return new InvalidError(
    "PARAMETERS_TOO_LARGE",
    `the parameters have ${bytes} bytes together: ${rule}`,
    [{ field: "parameters_json", description: rule }],
  );
}

/** `scheme://bucket/path`: what follows the run's own part is appended to it. */
function requireRoot(root: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\/[^\s]*$/.test(root)) return root;
  const rule = "write it like minio://mlpipeline/v2/artifacts";
  throw new InvalidError("BAD_PIPELINE_ROOT", `pipeline root "${root}" is no address: ${rule}`, [
    { field: "pipeline_root", description: rule },
  ]);
}

function nameOf(plan: Plan, nowMs: number): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replaceAll(":", "-");
  return `${plan.pipelineName} ${time}`.slice(0, 128);
}
