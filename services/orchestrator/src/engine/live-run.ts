import type { Plan } from "../domain/plan.ts";
import type { Run } from "../domain/run.ts";
import type { Lease } from "../store/shard-store.ts";

/** A run in the memory of its shard's owner. */
export interface LiveRun {
  readonly id: string;
  /** Ahead of the rows by the commits that are under way. */
  readonly run: Run;
  readonly plan: Plan;
  readonly lease: Lease;
  /** Sequence number of the last entry made, committed or not. */
  lastSeq: number;
  tasksRecorded: number;
  /** Thrown out of memory: a commit failed or the shard was lost, so it tells nothing any more. */
  dead: boolean;
  commitsUnderWay: number;
  /** Settles with the last commit under way. */
  lastCommit: Promise<void>;
}
