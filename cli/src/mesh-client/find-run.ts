import type { Client } from "@connectrpc/connect";
import { NotFoundError } from "@tidemill/errors";
import type { Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";

const TASKS_PAGE_SIZE = 1000;

/** A run by its id, or the newest one for the word `latest`. */
export async function loadRun(
  runs: Client<typeof RunService>,
  namespace: string,
  id: string,
): Promise<Run> {
  if (id === "latest") {
    const { runs: newest } = await runs.listRuns({ namespace, pageSize: 1 });
    const [run] = newest;
    if (run === undefined) throw new NotFoundError("run", "latest");
    return run;
  }
  const { run } = await runs.getRun({ namespace, id });
  if (run === undefined) throw new NotFoundError("run", id);
  return run;
}

/** Every task of a run. */
export async function listAllTasks(
  runs: Client<typeof RunService>,
  namespace: string,
  runId: string,
): Promise<Task[]> {
  const tasks: Task[] = [];
  let pageToken = "";
  do {
    const page = await runs.listTasks({ namespace, runId, pageToken, pageSize: TASKS_PAGE_SIZE });
    tasks.push(...page.tasks);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return tasks;
}

/** A task by its path, its key where that is unique, or its id. */
export function findTask(tasks: readonly Task[], name: string): Task {
  const exact = tasks.find((task) => task.path === name || task.id === name);
  if (exact !== undefined) return exact;
  const [byKey, second] = tasks.filter((task) => task.key === name);
  if (byKey !== undefined && second === undefined) return byKey;
  const known = tasks.map((task) => task.path).filter((path) => path !== "");
  throw new NotFoundError("task", name, { metadata: { known: known.slice(0, 20).join(", ") } });
}
