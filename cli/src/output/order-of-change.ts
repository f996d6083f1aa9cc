import { type Task, TaskKind } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { millisecondsOf } from "./quantities.ts";
import { isFinalTask } from "./states.ts";

/**
 * Tasks that changed together, which come parents first, in the order in which it happened: groups
 * that began; what ended, a group after the last task in it; what that made begin.
 */
export function inOrderOfChange(tasks: readonly Task[]): Task[] {
  return tasks.toSorted((left, right) => {
    const byStage = stageOf(left) - stageOf(right);
    if (byStage !== 0 || !isFinalTask(left.state)) return byStage;
    const byTime = (millisecondsOf(left.finishedAt) ?? 0) - (millisecondsOf(right.finishedAt) ?? 0);
    return byTime === 0 ? depthOf(right) - depthOf(left) : byTime;
  });
}

function stageOf(task: Task): number {
  if (isFinalTask(task.state)) return 1;
  return task.kind === TaskKind.CONTAINER ? 2 : 0;
}

function depthOf(task: Task): number {
  return task.path === "" ? 0 : task.path.split("/").length;
}
