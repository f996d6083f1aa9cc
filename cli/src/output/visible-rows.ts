import { type Task, TaskState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { millisecondsOf } from "./quantities.ts";
import { taskStateName } from "./states.ts";
import type { TreeRow } from "./task-tree.ts";

export interface VisibleRows {
  /** In their order in the tree. */
  readonly shown: readonly TreeRow[];
  /** How many there are besides, by state: `12 queued, 30 succeeded`; `""` for none. */
  readonly summary: string;
}

/** What a person looks for first; it is also the order in which the rest is summed up. */
const rankByState: Readonly<Partial<Record<TaskState, number>>> = {
  [TaskState.FAILED]: 0,
  [TaskState.RUNNING]: 1,
  [TaskState.QUEUED]: 2,
  [TaskState.PENDING]: 3,
  [TaskState.SUCCEEDED]: 4,
};
const RANK_LAST = 5;

/** The rows that fit: failed and running tasks first, then those that ended last. */
export function chooseRows(rows: readonly TreeRow[], rowsMax: number): VisibleRows {
  if (rows.length <= rowsMax) return { shown: rows, summary: "" };
  const chosen = new Set(
    rows
      .toSorted((left, right) => importance(left.task, right.task))
      .slice(0, Math.max(rowsMax - 1, 0)),
  );
  const counts = new Map<TaskState, number>();
  for (const { task } of rows.filter((row) => !chosen.has(row))) {
    counts.set(task.state, (counts.get(task.state) ?? 0) + 1);
  }
  const summary = [...counts]
    .sort(([left], [right]) => rankOf(left) - rankOf(right))
    .map(([state, count]) => `${count} ${taskStateName(state)}`)
    .join(", ");
  return { shown: rows.filter((row) => chosen.has(row)), summary };
}

function importance(left: Task, right: Task): number {
  const leftRank = Math.min(rankOf(left.state), 2);
  const rightRank = Math.min(rankOf(right.state), 2);
  if (leftRank !== rightRank) return leftRank - rightRank;
  return (millisecondsOf(right.finishedAt) ?? 0) - (millisecondsOf(left.finishedAt) ?? 0);
}

function rankOf(state: TaskState): number {
  return rankByState[state] ?? RANK_LAST;
}
