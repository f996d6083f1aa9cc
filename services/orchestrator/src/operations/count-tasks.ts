import type { DagPlan, Plan, TaskPlan } from "../domain/plan.ts";

/** How many tasks a run of the plan has, those of nested pipelines each time they are used. */
export function countTasks({ root }: Plan): number {
  const counts = new Map<DagPlan, number>();
  const countOf = ({ body }: TaskPlan): number => {
    if (body.kind !== "dag") return 1;
    let count = counts.get(body.dag);
    if (count === undefined) {
      count = body.dag.tasks.reduce((sum, task) => sum + countOf(task), 0);
      counts.set(body.dag, count);
    }
    return 1 + count;
  };
  return countOf(root) - 1;
}
