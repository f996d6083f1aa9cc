import type { Task } from "../domain/run.ts";
import type { LiveRun } from "./live-run.ts";

/** A task that waits for a worker. */
export interface QueuedTask {
  readonly live: LiveRun;
  readonly task: Task;
  /** What it asks for, before any clamping. */
  readonly slots: number;
  readonly queuedAtMs: number;
}

/** Queued tasks of many runs: in order within a run, in turn between runs. */
export interface RunQueue {
  readonly depth: number;
  add(entry: QueuedTask): void;
  /**
   * Offers tasks, one run after the other, until `place` refused `refusalsMax` in a row or says
   * stop. A task that is not queued any more is dropped.
   */
  offer(place: (entry: QueuedTask) => "placed" | "refused" | "stop", refusalsMax: number): void;
  drop(live: LiveRun): void;
}

interface Lane {
  readonly live: LiveRun;
  readonly entries: QueuedTask[];
  at: number;
}

export function createRunQueue(): RunQueue {
  const lanes = new Map<LiveRun, Lane>();
  // Insertion order is the order of turns: a lane that had its turn is put in again.
  let depth = 0;

  function headOf(lane: Lane): QueuedTask | undefined {
    for (;;) {
      const entry = lane.entries[lane.at];
      if (entry === undefined || isWaiting(entry)) return entry;
      advance(lane);
    }
  }

  function advance(lane: Lane): void {
    lane.at += 1;
    depth -= 1;
    if (lane.at < lane.entries.length / 2) return;
    lane.entries.splice(0, lane.at);
    lane.at = 0;
  }

  function drop(live: LiveRun): void {
    const lane = lanes.get(live);
    if (lane === undefined) return;
    depth -= lane.entries.length - lane.at;
    lanes.delete(live);
  }

  return {
    get depth() {
      return depth;
    },
    add(entry) {
      depth += 1;
      const lane = lanes.get(entry.live);
      if (lane !== undefined) lane.entries.push(entry);
      else lanes.set(entry.live, { live: entry.live, entries: [entry], at: 0 });
    },
    offer(place, refusalsMax) {
      let refusals = 0;
      for (const lane of lanes.values()) {
        const entry = headOf(lane);
        if (entry === undefined) {
          drop(lane.live);
          continue;
        }
        const answer = place(entry);
        if (answer === "stop") return;
        if (answer === "refused") {
          refusals += 1;
          if (refusals >= refusalsMax) return;
          continue;
        }
        refusals = 0;
        advance(lane);
        // Behind the others, where the loop meets it again once they have had their turn.
        lanes.delete(lane.live);
        if (lane.entries.length > lane.at) lanes.set(lane.live, lane);
      }
    },
    drop,
  };
}

function isWaiting({ live, task }: QueuedTask): boolean {
  return !live.dead && task.state === "queued" && live.run.state === "running";
}
