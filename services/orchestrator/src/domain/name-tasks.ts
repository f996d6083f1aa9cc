import type { Dag, PipelineSpec } from "./ir.ts";
import type { PathSegments, UnsupportedUse } from "./spec-error.ts";

/** Tasks named in one message. */
const TASKS_NAMED_MAX = 3;

/**
 * Adds the tasks that something about an executor or a component concerns, since those are what
 * users have given names to.
 */
export function nameTasks(spec: PipelineSpec, use: UnsupportedUse): UnsupportedUse {
  const components = componentsAt(spec, use.path);
  if (components.size === 0) return use;
  const tasks: string[] = [];
  for (const dag of dagsOf(spec)) {
    for (const task of dag.tasks.values()) if (components.has(task.component)) tasks.push(task.key);
  }
  const [first] = tasks;
  if (first === undefined) return use;
  const named = tasks.slice(0, TASKS_NAMED_MAX).map((task) => `"${task}"`);
  const more = tasks.length > TASKS_NAMED_MAX ? ", ..." : "";
  return { ...use, tasks: `task ${named.join(", ")}${more}` };
}

function componentsAt(spec: PipelineSpec, path: PathSegments): Set<string> {
  const executor = path[path.indexOf("executors") + 1];
  if (path.includes("executors")) {
    const users = [...spec.components.values()].filter(
      ({ body }) => body.kind === "executor" && body.executor === executor,
    );
    return new Set(users.map((component) => component.name));
  }
  const component = path[path.indexOf("components") + 1];
  const concerns = path.includes("components") && !path.includes("dag");
  return new Set(concerns && typeof component === "string" ? [component] : []);
}

function dagsOf(spec: PipelineSpec): Dag[] {
  return [spec.root, ...spec.components.values()].flatMap(({ body }) =>
    body.kind === "dag" ? [body.dag] : [],
  );
}
