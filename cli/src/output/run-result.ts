import type { Artifact } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { LargeValue, Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { TaskState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { cut } from "./display-width.ts";
import { paintOf } from "./paint.ts";
import { plainFirstLine, plainText } from "./plain-text.ts";
import { formatSize } from "./quantities.ts";
import { attemptStateName, isOwnFailure } from "./states.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

export interface RunResult {
  readonly run: Run;
  readonly tasks: readonly Task[];
  readonly artifacts: readonly Artifact[];
  /** False where they have been shown already. */
  readonly withErrors: boolean;
}

const VALUE_COLUMNS_MAX = 60;

/** What a run was given, what came of it, and what to mind: parameters, outputs, metrics. */
export function printRunResult(terminal: Terminal, result: RunResult): void {
  const { run, tasks, artifacts } = result;
  const paint = paintOf(terminal.colors);
  const section = (title: string, rows: readonly (readonly string[])[]) => {
    if (rows.length === 0) return;
    terminal.print("");
    terminal.print(paint.strong(title));
    const [, ...lines] = table(
      (rows[0] ?? []).map(() => ""),
      rows,
    );
    for (const line of lines) terminal.print(`  ${line}`);
  };

  section("parameters", valueRows(run.parametersJson, run.largeParameters));
  section("outputs", valueRows(run.outputParametersJson, run.largeOutputParameters));
  section("metrics", artifacts.flatMap(metricRows));
  section("artifacts", artifacts.map(artifactRow(new Map(tasks.map((task) => [task.id, task])))));
  const warnings = [
    ...run.warnings.map((warning) => ["run", warning.message]),
    ...tasks.flatMap((task) => task.warnings.map((warning) => [task.path, warning.message])),
  ];
  section("warnings", warnings);
  section("attempts", tasks.flatMap(attemptRows));
  if (result.withErrors) section("errors", errorRows(run, tasks));
}

/** A value that is not here is told by its size and how to get it. */
function valueRows(
  values: Readonly<Record<string, string>>,
  large: Readonly<Record<string, LargeValue>>,
): string[][] {
  return Object.entries(values).map(([name, json]) => {
    const elsewhere = large[name];
    if (elsewhere === undefined) return [name, cut(plainText(json), VALUE_COLUMNS_MAX)];
    const size = formatSize(elsewhere.sizeBytes);
    return elsewhere.blobDigest === ""
      ? [name, `${size} of JSON, too long to be shown`]
      : [name, `${size} of JSON: npx tidemill artifact get ${elsewhere.blobDigest} -o -`];
  });
}

/** Those of a task that was run more than once, and why the earlier ones ended. */
function attemptRows({ path, attempts }: Task): string[][] {
  if (attempts.length < 2) return [];
  return attempts.map(({ number, state, error }) => [
    path,
    `${number} of ${attempts.length}`,
    attemptStateName(state),
    plainFirstLine(error?.message ?? ""),
  ]);
}

/** Each failure where it happened, and not again for the groups around it. */
function errorRows(run: Run, tasks: readonly Task[]): string[][] {
  const rows = tasks.flatMap(({ path, state, error }) =>
    error !== undefined && state === TaskState.FAILED && path !== "" && isOwnFailure(error)
      ? [[path, error.message]]
      : [],
  );
  if (run.error !== undefined && rows.length === 0) rows.push(["run", run.error.message]);
  return rows;
}

/** Scalar metrics by name; a confusion matrix as its rows. */
function metricRows(artifact: Artifact): string[][] {
  const metadata = objectOf(artifact.metadataJson);
  if (artifact.schemaTitle === "system.Metrics") {
    return Object.entries(metadata)
      .filter(([, value]) => typeof value === "number")
      .map(([name, value]) => [name, String(value)]);
  }
  if (artifact.schemaTitle !== "system.ClassificationMetrics") return [];
  return confusionRows(metadata.confusionMatrix);
}

function confusionRows(matrix: unknown): string[][] {
  if (typeof matrix !== "object" || matrix === null) return [];
  if (!("rows" in matrix) || !Array.isArray(matrix.rows)) return [];
  const labels: unknown[] =
    "annotationSpecs" in matrix && Array.isArray(matrix.annotationSpecs)
      ? matrix.annotationSpecs
      : [];
  return matrix.rows.map((entry: { row?: unknown[] }, index) => {
    const label = labels[index];
    const name =
      typeof label === "object" && label !== null && "displayName" in label
        ? String(label.displayName)
        : String(index);
    return [name, (entry.row ?? []).map((count) => String(count).padStart(5)).join("")];
  });
}

function artifactRow(tasks: ReadonlyMap<string, Task>) {
  return (artifact: Artifact): string[] => [
    `${tasks.get(artifact.producer?.taskId ?? "")?.path ?? "-"}.${artifact.producer?.output ?? artifact.name}`,
    artifact.schemaTitle.replace(/^system\./, ""),
    formatSize(artifact.sizeBytes),
    artifact.id,
  ];
}

/** Metadata is a JSON object by contract; anything else shows as nothing. */
function objectOf(json: string): Record<string, unknown> {
  if (json === "") return {};
  const value: unknown = JSON.parse(json);
  return typeof value === "object" && value !== null ? { ...value } : {};
}
