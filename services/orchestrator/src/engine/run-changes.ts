import type { Transition } from "../store/transition.ts";

/** Changed tasks that a slow watcher has collected; past it, it looks at the whole run again. */
export const CHANGED_TASKS_MAX = 1_000;

export interface RunChange {
  /** Sequence number of the last entry seen; rows read from now on show it. */
  readonly seq: number;
  /** Tasks that changed; undefined when they were too many to remember. */
  readonly taskIds: ReadonlySet<string> | undefined;
}

/** Someone who watches one run. */
export interface RunSubscription {
  /** What changed since the last call; undefined for nothing. */
  take(): RunChange | undefined;
  /** Resolves at the next change, or at once when there is one. */
  changed(): Promise<void>;
  close(): void;
}

/** Tells watchers within this process what was committed. */
export interface RunChanges {
  readonly watchers: number;
  committed(transition: Transition): void;
  subscribe(runId: string): RunSubscription;
}

interface Watcher {
  seq: number;
  taskIds: Set<string> | undefined;
  wake: (() => void) | undefined;
}

export function createRunChanges(): RunChanges {
  const byRun = new Map<string, Set<Watcher>>();
  let watchers = 0;

  function note(watcher: Watcher, transition: Transition): void {
    watcher.seq = transition.firstSeq + transition.entries.length - 1;
    for (const list of [transition.addedTasks, transition.changedTasks]) {
      for (const { id } of list) watcher.taskIds?.add(id);
    }
    if ((watcher.taskIds?.size ?? 0) > CHANGED_TASKS_MAX) watcher.taskIds = undefined;
    watcher.wake?.();
    watcher.wake = undefined;
  }

  return {
    get watchers() {
      return watchers;
    },
    committed(transition) {
      for (const watcher of byRun.get(transition.runId) ?? []) note(watcher, transition);
    },
    subscribe(runId) {
      const watcher: Watcher = { seq: 0, taskIds: new Set(), wake: undefined };
      const others = byRun.get(runId) ?? new Set();
      byRun.set(runId, others.add(watcher));
      watchers += 1;
      return {
        take() {
          if (watcher.seq === 0) return undefined;
          const change = { seq: watcher.seq, taskIds: watcher.taskIds };
          watcher.seq = 0;
          watcher.taskIds = new Set();
          return change;
        },
        changed() {
          if (watcher.seq > 0) return Promise.resolve();
          return new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
        },
        close() {
          if (!others.delete(watcher)) return;
          watchers -= 1;
          if (others.size === 0) byRun.delete(runId);
        },
      };
    },
  };
}
