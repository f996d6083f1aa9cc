import type { Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { TaskKind } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { cut, padTo, widthOf } from "./display-width.ts";
import type { Paint } from "./paint.ts";
import { plainFirstLine } from "./plain-text.ts";
import { formatDuration, millisecondsOf, spanMs } from "./quantities.ts";
import { isOwnFailure, markOf, paintState, runStateName, taskStateName } from "./states.ts";
import { chooseRows } from "./visible-rows.ts";

/** A run as it is known at one moment. */
export interface RunView {
  readonly run: Run | undefined;
  readonly tasks: ReadonlyMap<string, Task>;
  /** The last thing that a task said; `""` for nothing. */
  wordsOf(task: Task): string;
}

export interface TreeStyle {
  readonly paint: Paint;
  readonly columns: number;
  /** How many lines there is room for; the tasks that matter least are summed up then. */
  readonly rows: number;
  readonly nowMs: number;
}

export interface TreeRow {
  readonly task: Task;
  readonly indent: number;
}

const NAME_COLUMNS_MIN = 12;
/** Of everything on a line but the name and the remark. */
const FIXED_COLUMNS = 24;
const REMARK_COLUMNS_MIN = 8;

/** The run and its tasks as an indented tree: mark, name, state, duration, last log line. */
export function renderTree(view: RunView, style: TreeStyle): string[] {
  const lines = view.run === undefined ? [] : [renderRun(view.run, style)];
  const { shown, summary } = chooseRows(rowsOf(view), style.rows - lines.length);
  const widest = Math.max(
    NAME_COLUMNS_MIN,
    ...shown.map(({ indent, task }) => indent + widthOf(task.key)),
  );
  const nameWidth = Math.min(widest, Math.max(style.columns - FIXED_COLUMNS, NAME_COLUMNS_MIN));
  lines.push(...shown.map((row) => renderTask(row, nameWidth, view, style)));
  if (summary !== "") lines.push(style.paint.faint(cut(`  ${summary}`, style.columns)));
  return lines;
}

function renderRun(run: Run, style: TreeStyle): string {
  const state = runStateName(run.state);
  const span = spanMs(run.createdAt, run.finishedAt, style.nowMs);
  const tail = `${state}${span === undefined ? "" : `  ${formatDuration(span)}`}`;
  const room = style.columns - widthOf(tail) - 2;
  const head = cut(`${markOf(state)} ${plainFirstLine(run.name)}`, Math.max(room, 2));
  return `${paintState(style.paint, state, head)}  ${tail}`;
}

function renderTask(row: TreeRow, nameWidth: number, view: RunView, style: TreeStyle): string {
  const { task, indent } = row;
  const state = taskStateName(task.state);
  const span = spanMs(task.startedAt, task.finishedAt, style.nowMs);
  const name = padTo(cut(`${" ".repeat(indent)}${task.key}`, nameWidth), nameWidth);
  const fixed = `  ${markOf(state)} ${name}  ${state.padEnd(9)}`;
  const duration = (span === undefined ? "" : formatDuration(span)).padStart(7);
  const room = style.columns - widthOf(fixed) - duration.length - 3;
  const remark = room > REMARK_COLUMNS_MIN ? cut(remarkOf(task, view), room) : "";
  const tail = remark === "" ? "" : `  ${style.paint.faint(remark)}`;
  return `${paintState(style.paint, state, fixed)}${duration}${tail}`.trimEnd();
}

/** Why it failed, or else what it said last; an attempt that is not the first says so. */
function remarkOf(task: Task, view: RunView): string {
  const { error } = task;
  // What failed within a group stands on the line of the task that failed.
  const failure = error === undefined ? undefined : isOwnFailure(error) ? error.message : "";
  const words = plainFirstLine(failure ?? view.wordsOf(task));
  const attempt = task.attempts.at(-1)?.number ?? 1;
  if (attempt === 1) return words;
  return words === "" ? `attempt ${attempt}` : `attempt ${attempt}: ${words}`;
}

/** Depth first; children in the order they began, those that have not begun last. */
function rowsOf(view: RunView): TreeRow[] {
  const children = new Map<string, Task[]>();
  for (const task of view.tasks.values()) {
    const siblings = children.get(task.parentTaskId);
    if (siblings === undefined) children.set(task.parentTaskId, [task]);
    else siblings.push(task);
  }
  const rows: TreeRow[] = [];
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
