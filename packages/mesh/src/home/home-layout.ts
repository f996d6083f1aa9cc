import { join } from "node:path";

/** Where everything of one mesh lies. The worker's part may be elsewhere in other installations. */
export interface HomeLayout {
  readonly root: string;
  readonly version: string;
  readonly credentials: string;
  readonly postgres: string;
  readonly nats: string;
  readonly artifacts: string;
  readonly worker: string;
  readonly logs: string;
  readonly run: string;
  readonly tools: string;
  /** Held by the reaper for as long as anything of the mesh lives; holds the supervisor's pid. */
  readonly lock: string;
  /** What runs: written by the supervisor, read by everything that asks. */
  readonly record: string;
}

export function homeLayout(root: string): HomeLayout {
  return {
    root,
    version: join(root, "version.json"),
    credentials: join(root, "credentials"),
    postgres: join(root, "postgres"),
    nats: join(root, "nats"),
    artifacts: join(root, "artifacts"),
    worker: join(root, "worker"),
    logs: join(root, "logs"),
    run: join(root, "run"),
    tools: join(root, "tools"),
    lock: join(root, "run", "lock"),
    record: join(root, "run", "supervisor.json"),
  };
}
