import type { Client } from "@connectrpc/connect";
import type { Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { hasOutput, type OutputLine, outputLines } from "./task-output.ts";

export interface OutputFollower {
  /** Begins with every task that has something to show and is not followed yet. */
  see(tasks: readonly Task[]): void;
  /** Resolves once everything that was begun has been shown; of one task, or of all. */
  settle(taskId?: string): Promise<void>;
}

export interface FollowerOptions {
  readonly namespace: string;
  /** How much of what was printed before; 0 means everything. */
  readonly tailBytes: number;
  readonly signal: AbortSignal;
  /** More tasks than this at a time are not followed: a terminal has no room for them. */
  readonly tasksMax: number;
  onLine(line: OutputLine): void;
}

/** Follows what the tasks of a run print, each attempt of each task once. */
export function followOutput(
  runs: Client<typeof RunService>,
  options: FollowerOptions,
): OutputFollower {
  const seen = new Set<string>();
  const active = new Map<Promise<void>, string>();

  async function follow(task: Task, attempt: number): Promise<void> {
    try {
      const { namespace, tailBytes, signal } = options;
      const lines = outputLines(runs, {
        namespace,
        task,
        attempt,
        tailBytes,
        signal,
        follow: true,
      });
      for await (const line of lines) options.onLine(line);
    } catch {
      // Output is a courtesy here; whoever follows the run itself learns what went wrong.
    }
  }

  return {
    see(tasks) {
      for (const task of tasks) {
        const attempt = task.attempts.at(-1)?.number;
        if (attempt === undefined || !hasOutput(task)) continue;
        const key = `${task.id}/${attempt}`;
        if (seen.has(key) || active.size >= options.tasksMax) continue;
        seen.add(key);
        const following = follow(task, attempt);
        active.set(following, task.id);
        void following.finally(() => active.delete(following));
      }
    },
    async settle(taskId) {
      const isMeant = (id: string) => taskId === undefined || id === taskId;
      for (;;) {
        const meant = [...active].filter(([, id]) => isMeant(id)).map(([following]) => following);
        if (meant.length === 0) return;
        await Promise.all(meant);
      }
    },
  };
}
