import { createGroupCommit, type Database, type GroupCommit } from "@tidemill/postgres";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import type { Transition } from "../store/transition.ts";
import { writeTransitions, writeTransitionsAtOnce } from "../store/transition-writer.ts";

/** Calls of one commit: past some hundreds a larger batch only makes everybody wait. */
const TRANSITIONS_PER_COMMIT_MAX = 512;

export interface TransitionCommitOptions {
  readonly database: Database;
  readonly log: Logger;
  readonly telemetry: Telemetry | undefined;
  /** Called with the journal entries of each commit that was written. */
  readonly onWrite: (entries: number) => void;
}

/** Gathers the transitions of all shards into few commits, those of one run in their order. */
export function createTransitionCommit({
  database,
  log,
  telemetry,
  onWrite,
}: TransitionCommitOptions): GroupCommit<Transition, undefined> {
  return createGroupCommit<Transition, undefined>({
    name: "transitions",
    database,
    log,
    ...(telemetry === undefined ? {} : { telemetry }),
    callsMax: TRANSITIONS_PER_COMMIT_MAX,
    orderKey: (transition) => transition.runId,
    sizeBytes: sizeOf,
    chained: true,
    async write(tx, transitions) {
      const answers = await writeTransitions(tx, transitions);
      onWrite(entriesOf(transitions));
      return answers;
    },
    atOnce: {
      fits: ({ answer }) => answer === undefined,
      async write(tx, transitions) {
        await writeTransitionsAtOnce(tx, transitions);
        onWrite(entriesOf(transitions));
        return transitions.map(() => undefined);
      },
    },
  });
}

function entriesOf(transitions: readonly Transition[]): number {
  return transitions.reduce((sum, { entries: { length } }) => sum + length, 0);
}

/** Bytes of a call, so that a commit of many large values is cut up. */
function sizeOf({ entries }: Transition): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.byteLength;
  return bytes;
}
