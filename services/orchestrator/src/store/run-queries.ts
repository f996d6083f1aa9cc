import { NotFoundError } from "@tidemill/errors";
import { type Queryable, statement } from "@tidemill/postgres";
import type { RunState } from "../domain/states.ts";
import type { AttemptRecord, RunRecord, TaskRecord } from "./records.ts";
import {
  type AttemptRow,
  attemptColumns,
  attemptFromRow,
  type RunRow,
  runColumns,
  runFromRow,
  type TaskRow,
  taskColumns,
  taskFromRow,
} from "./rows.ts";
import { requireUuid } from "./uuid.ts";

/** A worker that comes back hears of runs that ended since then. */
const RECENTLY_ENDED_HOURS = 24;
const RECENTLY_ENDED_MAX = 1_000;

const selectRun = statement<RunRow>(
  "runs_get",
  `select ${runColumns} from runs where id = $1 and namespace = $2`,
);

const selectPage = statement<RunRow>(
  "runs_list",
  `select ${runColumns} from runs
   where namespace = $1 and id < $2 and (cardinality($3::text[]) = 0 or state = any ($3))
   order by id desc limit $4`,
);

const selectTasks = statement<TaskRow>(
  "tasks_list",
  `select ${taskColumns} from tasks
   where run_id = $1 and ordinal > $2 and changed_seq > $3 order by ordinal limit $4`,
);

const selectTasksById = statement<TaskRow>(
  "tasks_by_id",
  `select ${taskColumns} from tasks where run_id = $1 and id = any ($2::uuid[]) order by ordinal`,
);

const selectAttempts = statement<AttemptRow>(
  "attempts_of_tasks",
  `select ${attemptColumns} from attempts where run_id = $1 and task_id = any ($2::uuid[])
   order by task_id, number`,
);

const selectRecentlyEnded = statement<{ namespace: string; id: string }>(
  "runs_recently_ended",
  `select namespace, id from runs
   where finished_at > now() - interval '${RECENTLY_ENDED_HOURS} hours'
   order by finished_at desc limit ${RECENTLY_ENDED_MAX}`,
);

/** The largest UUID: the list starts behind it. */
export const LAST_UUID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Throws NotFoundError. */
export async function loadRun(db: Queryable, namespace: string, id: string): Promise<RunRecord> {
  requireUuid("run", id);
  const [row] = (await db.query(selectRun, [id, namespace])).rows;
  if (row === undefined) throw new NotFoundError("run", id);
  return runFromRow(row);
}

export interface RunPageQuery {
  readonly namespace: string;
  readonly beforeId: string;
  /** Empty for all. */
  readonly states: readonly RunState[];
  readonly limit: number;
}

/** Runs older than one, newest first. */
export async function listRuns(db: Queryable, query: RunPageQuery): Promise<RunRecord[]> {
  const values = [query.namespace, query.beforeId, query.states, query.limit];
  return (await db.query(selectPage, values)).rows.map(runFromRow);
}

export interface TaskPageQuery {
  readonly runId: string;
  readonly afterOrdinal: number;
  /** Only tasks that changed after this journal entry; 0 for all. */
  readonly changedAfterSeq: number;
  readonly limit: number;
}

/** A task and its attempts, the first one first. */
export interface TaskWithAttempts {
  readonly task: TaskRecord;
  readonly attempts: readonly AttemptRecord[];
}

export interface TaskPage {
  readonly tasks: readonly TaskWithAttempts[];
  readonly more: boolean;
}

/** Values of the tasks of one page together; a page ends early rather than growing past it. */
const TASK_PAGE_LENGTH_MAX = 2 * 1024 * 1024;

/** Tasks in the order in which they came to be: parents before children. */
export async function listTasks(db: Queryable, query: TaskPageQuery): Promise<TaskPage> {
  const values = [query.runId, query.afterOrdinal, query.changedAfterSeq, query.limit + 1];
  const { rows } = await db.query(selectTasks, values);
  let length = 0;
  const cut = rows.findIndex((row, index) => {
    length += valuesLength(row);
    return index > 0 && length > TASK_PAGE_LENGTH_MAX;
  });
  const page = rows.slice(0, cut === -1 ? query.limit : Math.min(cut, query.limit));
  const tasks = await withAttempts(db, query.runId, page.map(taskFromRow));
  return { tasks, more: page.length < rows.length };
}

function valuesLength(row: TaskRow): number {
  const inputs = row.input_parameters.length + row.input_artifacts.length;
  return inputs + row.output_parameters.length + row.output_artifacts.length;
}

/** Those of the named tasks that there are. */
export async function findTasks(
  db: Queryable,
  runId: string,
  ids: readonly string[],
): Promise<TaskWithAttempts[]> {
  const { rows } = await db.query(selectTasksById, [runId, ids]);
  return withAttempts(db, runId, rows.map(taskFromRow));
}

/** Throws NotFoundError. */
export async function loadTask(
  db: Queryable,
  runId: string,
  id: string,
): Promise<TaskWithAttempts> {
  requireUuid("task", id);
  const [found] = await findTasks(db, runId, [id]);
  if (found === undefined) throw new NotFoundError("task", id);
  return found;
}

async function withAttempts(
  db: Queryable,
  runId: string,
  tasks: readonly TaskRecord[],
): Promise<TaskWithAttempts[]> {
  if (tasks.length === 0) return [];
  const ids = tasks.map((task) => task.id);
  const byTask = new Map<string, AttemptRecord[]>();
  for (const row of (await db.query(selectAttempts, [runId, ids])).rows) {
    const list = byTask.get(row.task_id) ?? [];
    list.push(attemptFromRow(row));
    byTask.set(row.task_id, list);
  }
  return tasks.map((task) => ({ task, attempts: byTask.get(task.id) ?? [] }));
}

/** Runs that ended lately, the last first. */
export async function listRecentlyEnded(
  db: Queryable,
): Promise<readonly { readonly namespace: string; readonly id: string }[]> {
  return (await db.query(selectRecentlyEnded)).rows;
}
