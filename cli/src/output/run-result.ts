import type { Artifact } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { paintOf } from "./paint.ts";
import { formatSize } from "./quantities.ts";
import { cut, table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

export interface RunResult {
  readonly run: Run;
  readonly tasks: readonly Task[];
  readonly artifacts: readonly Artifact[];
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

  section("parameters", valueRows(run.parametersJson));
  section("outputs", valueRows(run.outputParametersJson));
  section("metrics", artifacts.flatMap(metricRows));
  section("artifacts", artifacts.map(artifactRow(new Map(tasks.map((task) => [task.id, task])))));
  const warnings = [
    ...run.warnings.map((warning) => ["run", warning.message]),
    ...tasks.flatMap((task) => task.warnings.map((warning) => [task.path, warning.message])),
  ];
  section("warnings", warnings);
  const errors = tasks.flatMap((task) =>
    task.error === undefined || task.path === "" ? [] : [[task.path, task.error.message]],
  );
  if (run.error !== undefined && errors.length === 0) errors.push(["run", run.error.message]);
  section("errors", errors);
}

function valueRows(values: Readonly<Record<string, string>>): string[][] {
  return Object.entries(values).map(([name, json]) => [name, cut(json, VALUE_COLUMNS_MAX)]);
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
