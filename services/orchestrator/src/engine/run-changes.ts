import { isFinalRun } from "../domain/states.ts";
import type { Transition } from "../store/transition.ts";

/** Changed tasks that a slow watcher has collected; past it, it looks at the whole run again. */
export const CHANGED_TASKS_MAX = 1_000;

export interface RunChange {
  /** Sequence number of the last entry seen; rows read from now on show it. */
  readonly seq: number;
  /** Tasks that changed; undefined when they were too many to remember. */
  readonly taskIds: ReadonlySet<string> | undefined;
}

export interface Pace {
  readonly paceMs: number;
  readonly idleMs: number;
}

const noPace: Pace = { paceMs: 0, idleMs: Number.POSITIVE_INFINITY };

/** Someone who watches one run. */
export interface RunSubscription {
  /** What changed since the last call; undefined for nothing. */
  take(): RunChange | undefined;
  /**
   * Resolves at the next change, or at once when there is one, but only `paceMs` after the last
   * `take` unless the run has ended; without a change after `idleMs`, and when `signal` aborts.
   */
  changed(pace?: Pace, signal?: AbortSignal): Promise<void>;
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
  /** The last change was the end of the run. */
  isLast: boolean;
  takenAtMs: number;
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
    const { changedRun } = transition;
    if (changedRun !== undefined && isFinalRun(changedRun.state)) watcher.isLast = true;
    watcher.wake?.();
  }

  /** Looks again after each wake; a timer does the rest. */
  function changed(watcher: Watcher, pace: Pace, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const waitsUntilMs = performance.now() + pace.idleMs;
      const look = () => {
        clearTimeout(timer);
        const dueAtMs = watcher.seq > 0 ? watcher.takenAtMs + pace.paceMs : waitsUntilMs;
        const leftMs = watcher.isLast || signal?.aborted ? 0 : dueAtMs - performance.now();
        if (leftMs > 0) {
          if (leftMs < Number.POSITIVE_INFINITY) timer = setTimeout(look, Math.ceil(leftMs));
          return;
        }
        watcher.wake = undefined;
        signal?.removeEventListener("abort", look);
        resolve();
      };
      watcher.wake = look;
      signal?.addEventListener("abort", look);
      look();
    });
  }

  return {
    get watchers() {
      return watchers;
    },
    committed(transition) {
      for (const watcher of byRun.get(transition.runId) ?? []) note(watcher, transition);
    },
    subscribe(runId) {
      const watcher: Watcher = newWatcher();
      const others = byRun.get(runId) ?? new Set();
      byRun.set(runId, others.add(watcher));
      watchers += 1;
      return {
        take() {
          if (watcher.seq === 0) return undefined;
          const change = { seq: watcher.seq, taskIds: watcher.taskIds };
          watcher.seq = 0;
          watcher.taskIds = new Set();
          watcher.isLast = false;
          watcher.takenAtMs = performance.now();
          return change;
        },
        changed: (pace = noPace, signal = undefined) => changed(watcher, pace, signal),
        close() {
          if (!others.delete(watcher)) return;
          watchers -= 1;
          if (others.size === 0) byRun.delete(runId);
        },
      };
    },
  };
}

function newWatcher(): Watcher {
  const nothing = { seq: 0, taskIds: new Set<string>(), isLast: false };
  return { ...nothing, takenAtMs: Number.NEGATIVE_INFINITY, wake: undefined };
}
