import type { Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { TaskKind } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { Paint } from "./paint.ts";
import { formatDuration, millisecondsOf, spanMs } from "./quantities.ts";
import { markOf, paintState, runStateName, taskStateName } from "./states.ts";
import { cut } from "./table.ts";

/** A run as it is known at one moment. */
export interface RunView {
  readonly run: Run | undefined;
  readonly tasks: ReadonlyMap<string, Task>;
  /** Last line that a task printed, by the task's id. */
  readonly lastLines: ReadonlyMap<string, string>;
}

export interface TreeStyle {
  readonly paint: Paint;
  readonly columns: number;
  readonly nowMs: number;
}

interface Row {
  readonly task: Task;
  readonly indent: number;
}

/** The run and its tasks as an indented tree: mark, name, state, duration, last log line. */
export function renderTree(view: RunView, style: TreeStyle): string[] {
  const rows = rowsOf(view);
  const nameWidth = Math.max(12, ...rows.map((row) => row.indent + row.task.key.length));
  const lines = view.run === undefined ? [] : [renderRun(view.run, style)];
  return [...lines, ...rows.map((row) => renderTask(row, nameWidth, view, style))];
}

function renderRun(run: Run, style: TreeStyle): string {
  const state = runStateName(run.state);
  const span = spanMs(run.createdAt, run.finishedAt, style.nowMs);
  const head = `${markOf(state)} ${run.name}`;
  const tail = `${state}${span === undefined ? "" : `  ${formatDuration(span)}`}`;
  return `${paintState(style.paint, state, head)}  ${tail}`;
}

function renderTask(row: Row, nameWidth: number, view: RunView, style: TreeStyle): string {
  const { task, indent } = row;
  const state = taskStateName(task.state);
  const span = spanMs(task.startedAt, task.finishedAt, style.nowMs);
  const name = `${" ".repeat(indent)}${task.key}`.padEnd(nameWidth);
  const fixed = `  ${markOf(state)} ${name}  ${state.padEnd(9)}`;
  const duration = (span === undefined ? "" : formatDuration(span)).padStart(7);
  const room = style.columns - fixed.length - duration.length - 3;
  const words = task.error?.message ?? view.lastLines.get(task.id) ?? "";
  const remark = room > 8 ? cut(words.split("\n", 1)[0] ?? "", room) : "";
  const tail = remark === "" ? "" : `  ${style.paint.faint(remark)}`;
  return `${paintState(style.paint, state, fixed)}${duration}${tail}`.trimEnd();
}

/** Depth first; children in the order they began, those that have not begun last. */
function rowsOf(view: RunView): Row[] {
  const children = new Map<string, Task[]>();
  for (const task of view.tasks.values()) {
    const siblings = children.get(task.parentTaskId);
    if (siblings === undefined) children.set(task.parentTaskId, [task]);
    else siblings.push(task);
  }
  const rows: Row[] = [];
  const pending = (children.get("") ?? []).map((task) => ({ task, indent: 0 })).reverse();
  for (let row = pending.pop(); row !== undefined; row = pending.pop()) {
    const isRoot = row.task.kind === TaskKind.ROOT;
    if (!isRoot) rows.push(row);
    const indent = isRoot ? row.indent : row.indent + 2;
    const below = [...(children.get(row.task.id) ?? [])].sort(byStart);
    pending.push(...below.map((task) => ({ task, indent })).reverse());
  }
  return rows;
}

function byStart(left: Task, right: Task): number {
  const leftMs = millisecondsOf(left.startedAt) ?? Number.POSITIVE_INFINITY;
  const rightMs = millisecondsOf(right.startedAt) ?? Number.POSITIVE_INFINITY;
  return leftMs === rightMs ? 0 : leftMs - rightMs;
}
