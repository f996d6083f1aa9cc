import { ConflictError } from "@tidemill/errors";
import { appendEvents } from "@tidemill/eventing";
import { once, type Transaction } from "@tidemill/postgres";
import { jsonOrNull, plainArray } from "./array-columns.ts";
import type { AttemptRecord, RunRecord, TaskRecord } from "./records.ts";
import { FENCE_LOCK, type Lease, lockValidShards } from "./shard-store.ts";
import type { KeptAnswer, RunChange, TaskChange, Transition } from "./transition.ts";
import {
  insertJournal,
  insertRuns,
  insertTasks,
  requirePremises,
  selectGaps,
  updateRuns,
  updateTasks,
  upsertAttempts,
} from "./transition-statements.ts";

/** The request was answered before: `answer` is what it got then. Nothing was written. */
export class AnsweredBefore extends Error {
  override readonly name = "AnsweredBefore";
  readonly answer: Uint8Array;

  constructor(answer: Uint8Array) {
    super("this request was answered before");
    this.answer = answer;
  }
}

/**
 * Writes transitions of many runs by few statements, those of one run in their order. A transition
 * whose lease was lost, whose journal has a gap, or whose request was answered before is left out
 * and gets an Error in place of an answer.
 */
export async function writeTransitions(
  tx: Transaction,
  transitions: readonly Transition[],
): Promise<readonly (undefined | Error)[]> {
  const refused = await refuse(tx, transitions);
  const accepted =
    refused.size === 0 ? transitions : transitions.filter((transition) => !refused.has(transition));
  if (accepted.length > 0) await write(tx, accepted);
  return transitions.map((transition) => refused.get(transition));
}

/**
 * The same by statements that need no answers of each other, for transitions without a kept answer.
 * Fails as a whole when one of them would have to be left out.
 */
export async function writeTransitionsAtOnce(
  tx: Transaction,
  transitions: readonly Transition[],
): Promise<void> {
  const leases = [...new Set(transitions.map(({ lease }) => lease))];
  const heads = headsOf(transitions);
  await Promise.all([
    tx.query(requirePremises, [
      FENCE_LOCK,
      leases.map(({ shard }) => shard),
      leases.map(({ epoch }) => epoch),
      heads.map(([runId]) => runId),
      heads.map(([, seq]) => seq),
    ]),
    write(tx, transitions),
  ]);
}

/** The runs whose journal must have an entry already, and which. */
function headsOf(transitions: readonly Transition[]): readonly (readonly [string, number])[] {
  const heads = new Map<string, number>();
  for (const { runId, firstSeq } of transitions) {
    if (!heads.has(runId)) heads.set(runId, firstSeq - 1);
  }
  return [...heads].filter(([, seq]) => seq > 0);
}

async function refuse(
  tx: Transaction,
  transitions: readonly Transition[],
): Promise<Map<Transition, Error>> {
  const leases = new Map<number, Lease>();
  for (const { lease } of transitions) {
    const known = leases.get(lease.shard);
    if (known === undefined || known.epoch < lease.epoch) leases.set(lease.shard, lease);
  }
  const heads = headsOf(transitions);
  // The lock of the leases goes first on the wire: what is read after it cannot change any more.
  const [valid, gaps] = await Promise.all([
    lockValidShards(tx, [...leases.values()]),
    heads.length === 0
      ? undefined
      : tx.query(selectGaps, [heads.map(([id]) => id), heads.map(([, seq]) => seq)]),
  ]);
  const behind = new Set(gaps?.rows.map((row) => row.run_id));
  const refused = new Map<Transition, Error>();
  for (const transition of transitions) {
    const { shard, epoch } = transition.lease;
    const stands = valid.has(shard) && leases.get(shard)?.epoch === epoch;
    if (!stands) refused.set(transition, leaseLost(shard, epoch));
    else if (behind.has(transition.runId)) refused.set(transition, journalBehind(transition));
    else if (transition.answer !== undefined) {
      const error = await keepAnswer(tx, transition.answer);
      if (error !== undefined) refused.set(transition, error);
    }
    // Later ones of the run were computed from this one.
    if (refused.has(transition)) behind.add(transition.runId);
  }
  return refused;
}

function leaseLost(shard: number, epoch: number): ConflictError {
  return new ConflictError(
    "SHARD_LOST",
    `shard ${shard} was taken over by another orchestrator (epoch ${epoch} is stale): try again`,
  );
}

function journalBehind({ runId, firstSeq }: Transition): ConflictError {
  return new ConflictError(
    "JOURNAL_BEHIND",
    `the journal of run "${runId}" has no entry ${firstSeq - 1} yet: try again`,
  );
}

const asItIs = {
  encode: (bytes: Uint8Array) => bytes,
  decode: (bytes: Uint8Array) => bytes,
};

async function keepAnswer(tx: Transaction, { key, bytes }: KeptAnswer): Promise<Error | undefined> {
  let isFirst = false;
  try {
    const answer = await once(tx, key, asItIs, () => {
      isFirst = true;
      return Promise.resolve(bytes);
    });
    return isFirst ? undefined : new AnsweredBefore(answer);
  } catch (error) {
    // A reused id concerns this call alone; what the database says concerns the whole transaction.
    if (error instanceof Error && "violations" in error) return error;
    throw error;
  }
}

async function write(tx: Transaction, transitions: readonly Transition[]): Promise<void> {
  const writes: Promise<unknown>[] = [writeJournal(tx, transitions)];
  const created = transitions.flatMap((transition) => transition.createdRun ?? []);
  if (created.length > 0) writes.push(tx.query(insertRuns, runColumns(created)));
  const runs = lastOf(
    transitions.flatMap((transition) => transition.changedRun ?? []),
    (change) => change.id,
    mergeRun,
  );
  if (runs.length > 0) writes.push(tx.query(updateRuns, runChangeColumns(runs)));
  const added = transitions.flatMap((transition) => transition.addedTasks);
  if (added.length > 0) writes.push(tx.query(insertTasks, taskColumns(added)));
  const tasks = lastOf(
    transitions.flatMap((transition) => transition.changedTasks),
    (change) => change.id,
    mergeTask,
  );
  if (tasks.length > 0) writes.push(tx.query(updateTasks, taskChangeColumns(tasks)));
  const attempts = lastOf(
    transitions.flatMap((transition) => transition.attempts),
    (attempt) => attempt.id,
    (_earlier, later) => later,
  );
  if (attempts.length > 0) writes.push(tx.query(upsertAttempts, attemptColumns(attempts)));
  const events = transitions.flatMap((transition) => transition.events);
  if (events.length > 0) writes.push(appendEvents(tx, events));
  await Promise.all(writes);
}

function writeJournal(tx: Transaction, transitions: readonly Transition[]): Promise<unknown> {
  const runIds: string[] = [];
  const seqs: number[] = [];
  const epochs: number[] = [];
  const firsts: number[] = [];
  const lengths: number[] = [];
  const payloads: Uint8Array[] = [];
  let first = 1;
  for (const { runId, lease, firstSeq, entries } of transitions) {
    for (const [index, entry] of entries.entries()) {
      runIds.push(runId);
      seqs.push(firstSeq + index);
      epochs.push(lease.epoch);
      firsts.push(first);
      lengths.push(entry.length);
      payloads.push(entry);
      first += entry.length;
    }
  }
  const columns = [runIds, seqs, epochs, firsts, lengths].map(plainArray);
  return tx.query(insertJournal, [...columns, Buffer.concat(payloads)]);
}

/** One change a row: a statement that meets a row twice would apply either of them. */
function lastOf<Change>(
  changes: readonly Change[],
  keyOf: (change: Change) => string,
  merge: (earlier: Change, later: Change) => Change,
): readonly Change[] {
  const byKey = new Map<string, Change>();
  for (const change of changes) {
    const key = keyOf(change);
    const earlier = byKey.get(key);
    byKey.set(key, earlier === undefined ? change : merge(earlier, change));
  }
  return byKey.size === changes.length ? changes : [...byKey.values()];
}

function mergeRun(earlier: RunChange, later: RunChange): RunChange {
  return {
    ...later,
    error: later.error ?? earlier.error,
    outputParameters: later.outputParameters ?? earlier.outputParameters,
    outputArtifacts: later.outputArtifacts ?? earlier.outputArtifacts,
    terminatedBy: later.terminatedBy ?? earlier.terminatedBy,
  };
}

function mergeTask(earlier: TaskChange, later: TaskChange): TaskChange {
  return {
    ...later,
    inputParameters: later.inputParameters ?? earlier.inputParameters,
    inputArtifacts: later.inputArtifacts ?? earlier.inputArtifacts,
    outputParameters: later.outputParameters ?? earlier.outputParameters,
    outputArtifacts: later.outputArtifacts ?? earlier.outputArtifacts,
    warnings: later.warnings ?? earlier.warnings,
    error: later.error ?? earlier.error,
  };
}

function runColumns(runs: readonly RunRecord[]): unknown[] {
  return [
    plainArray(runs.map((run) => run.id)),
    runs.map((run) => run.namespace),
    plainArray(runs.map((run) => run.shard)),
    runs.map((run) => run.name),
    runs.map((run) => run.pipelineName),
    runs.map((run) => run.pipelineVersionId),
    runs.map((run) => run.specDigest),
    plainArray(runs.map((run) => run.engineVersion)),
    plainArray(runs.map((run) => run.state)),
    plainArray(runs.map((run) => run.version)),
    plainArray(runs.map((run) => run.changedSeq)),
    runs.map((run) => JSON.stringify(run.parameters)),
    runs.map((run) => run.pipelineRoot),
    runs.map((run) => JSON.stringify(run.warnings)),
    runs.map((run) => jsonOrNull(run.error)),
    runs.map((run) => JSON.stringify(run.outputParameters)),
    runs.map((run) => JSON.stringify(run.outputArtifacts)),
    runs.map((run) => run.terminatedBy ?? null),
    runs.map((run) => run.createdBy),
    plainArray(runs.map((run) => run.createdAt)),
    plainArray(runs.map((run) => run.startedAt ?? null)),
    plainArray(runs.map((run) => run.finishedAt ?? null)),
  ];
}

function runChangeColumns(runs: readonly RunChange[]): unknown[] {
  return [
    plainArray(runs.map((run) => run.id)),
    plainArray(runs.map((run) => run.state)),
    plainArray(runs.map((run) => run.version)),
    plainArray(runs.map((run) => run.changedSeq)),
    runs.map((run) => jsonOrNull(run.error)),
    runs.map((run) => jsonOrNull(run.outputParameters)),
    runs.map((run) => jsonOrNull(run.outputArtifacts)),
    runs.map((run) => run.terminatedBy ?? null),
    plainArray(runs.map((run) => run.startedAt ?? null)),
    plainArray(runs.map((run) => run.finishedAt ?? null)),
  ];
}

function taskColumns(tasks: readonly TaskRecord[]): unknown[] {
  return [
    plainArray(tasks.map((task) => task.runId)),
    plainArray(tasks.map((task) => task.id)),
    plainArray(tasks.map((task) => task.ordinal)),
    plainArray(tasks.map((task) => task.parentTaskId ?? null)),
    tasks.map((task) => task.key),
    tasks.map((task) => task.path),
    tasks.map((task) => task.displayName),
    plainArray(tasks.map((task) => task.kind)),
    plainArray(tasks.map((task) => task.state)),
    plainArray(tasks.map((task) => task.version)),
    plainArray(tasks.map((task) => task.changedSeq)),
    plainArray(tasks.map((task) => task.attemptsLost)),
    tasks.map((task) => JSON.stringify(task.inputParameters)),
    tasks.map((task) => JSON.stringify(task.inputArtifacts)),
    tasks.map((task) => JSON.stringify(task.outputParameters)),
    tasks.map((task) => JSON.stringify(task.outputArtifacts)),
    tasks.map((task) => JSON.stringify(task.warnings)),
    tasks.map((task) => jsonOrNull(task.error)),
    plainArray(tasks.map((task) => task.createdAt)),
    plainArray(tasks.map((task) => task.startedAt ?? null)),
    plainArray(tasks.map((task) => task.finishedAt ?? null)),
  ];
}

function taskChangeColumns(tasks: readonly TaskChange[]): unknown[] {
  return [
    plainArray(tasks.map((task) => task.runId)),
    plainArray(tasks.map((task) => task.id)),
    plainArray(tasks.map((task) => task.state)),
    plainArray(tasks.map((task) => task.version)),
    plainArray(tasks.map((task) => task.changedSeq)),
    plainArray(tasks.map((task) => task.attemptsLost)),
    tasks.map((task) => jsonOrNull(task.inputParameters)),
    tasks.map((task) => jsonOrNull(task.inputArtifacts)),
    tasks.map((task) => jsonOrNull(task.outputParameters)),
    tasks.map((task) => jsonOrNull(task.outputArtifacts)),
    tasks.map((task) => jsonOrNull(task.warnings)),
    tasks.map((task) => jsonOrNull(task.error)),
    plainArray(tasks.map((task) => task.startedAt ?? null)),
    plainArray(tasks.map((task) => task.finishedAt ?? null)),
  ];
}

function attemptColumns(attempts: readonly AttemptRecord[]): unknown[] {
  return [
    plainArray(attempts.map((attempt) => attempt.runId)),
    plainArray(attempts.map((attempt) => attempt.taskId)),
    plainArray(attempts.map((attempt) => attempt.number)),
    plainArray(attempts.map((attempt) => attempt.id)),
    plainArray(attempts.map((attempt) => attempt.epoch)),
    attempts.map((attempt) => attempt.workerId),
    plainArray(attempts.map((attempt) => attempt.state)),
    plainArray(attempts.map((attempt) => attempt.exitCode)),
    plainArray(attempts.map((attempt) => attempt.signal)),
    attempts.map((attempt) => jsonOrNull(attempt.error)),
    attempts.map((attempt) => JSON.stringify(attempt.limits)),
    plainArray(attempts.map((attempt) => attempt.dispatchedAt)),
    plainArray(attempts.map((attempt) => attempt.startedAt ?? null)),
    plainArray(attempts.map((attempt) => attempt.finishedAt ?? null)),
  ];
}
