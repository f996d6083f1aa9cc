import type { JobField } from "./placeholders.ts";
import type { Run, Task } from "./run.ts";

/** What a placeholder about the run or the task stands for. */
export function jobText(run: Run, task: Task, field: JobField): string {
  switch (field) {
    case "jobName":
      return run.name;
    case "jobResourceName":
      return `${run.root.plan.key}-${run.id}`;
    case "jobId":
      return run.id;
    case "taskName":
      return task.plan.key;
    case "taskId":
      return task.id;
    case "createTime":
    case "scheduleTime":
      return utcSeconds(run.createdAt);
    case "pipelineRoot":
      return run.pipelineRoot;
  }
}

/** RFC 3339 without a fraction: `2026-03-01T12:00:00Z`. */
function utcSeconds(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
