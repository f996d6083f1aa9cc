import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { wait } from "@tidemill/lifecycle";
import { statement } from "@tidemill/postgres";
import type { Run } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { AttemptState, RunState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { StartAttempt } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { eventually, startPostgres, type TestPostgres } from "@tidemill/testing";
import fc from "fast-check";
import { assertRunsFold } from "./assert-runs-fold.ts";
import { type FakeWorker, failedWith, SUCCEEDED } from "./fake-worker.ts";
import { createRun, ended } from "./helpers.ts";
import { type OrchestratorProcess, startOrchestratorProcess } from "./orchestrator-process.ts";
import { documentOf, type RandomTask, randomDag } from "./random-runs.ts";

/** DAGs of one suite run. */
const DAGS = 50;
const TASKS_MAX = 300;
/** Times that the orchestrator is killed while they are under way. */
const KILLS = 5;
/** Attempts from one kill to the next. */
const ATTEMPTS_PER_KILL = 40;
/** Nobody waits longer for all of them to end once the kills are over. */
const DEADLINE_MS = 120_000;

const seed = Number(process.env.TIDEMILL_TEST_SEED ?? Date.now() % 2 ** 31);

/** Seeds that once found a mistake; all of them are tried each time, on fewer DAGs. */
const casesFile = new URL("random-runs.cases.json", import.meta.url);
const cases: readonly number[] = JSON.parse(readFileSync(casesFile, "utf8"));

/** Runs that more than one owner wrote. */
const selectSurvivors = statement(
  "test_runs_of_several_owners",
  "select run_id from journal group by run_id having count(distinct epoch) > 1",
);

describe("random runs on a real database, with kills", () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.stop());

  it(`holds I1-I6 over ${DAGS} DAGs and ${KILLS} kills (seed ${seed})`, async (context) => {
    context.diagnostic(`TIDEMILL_TEST_SEED=${seed}`);
    await holdInvariants(postgres, { seed, dags: DAGS, kills: KILLS });
  });

  for (const known of cases) {
    it(`holds I1-I6 for the seed ${known} that did not`, async () => {
      await holdInvariants(postgres, { seed: known, dags: 10, kills: 2 });
    });
  }
});

interface Plan {
  readonly seed: number;
  readonly dags: number;
  readonly kills: number;
}

async function holdInvariants(postgres: TestPostgres, plan: Plan): Promise<void> {
  await using orchestrator = await startOrchestratorProcess(postgres);
  const random = seeded(plan.seed);
  const workers = [0, 1, 2].map((index) => unreliableWorker(orchestrator, index, random));
  const submitted = submitAll(orchestrator, plan, random);
  for (let kill = 0; kill < plan.kills; kill++) {
    const attempts = (kill + 1) * ATTEMPTS_PER_KILL;
    const startedBy = () => workers.reduce((sum, { started }) => sum + started.length, 0);
    await eventually(() => startedBy() > attempts, { timeoutMs: DEADLINE_MS });
    await orchestrator.kill9();
    await orchestrator.restart();
  }
  const runs = await submitted;
  await allEnded(orchestrator, runs);
  for (const run of runs) {
    const last = await ended(orchestrator, run);
    assert.notEqual(last.state, RunState.UNSPECIFIED);
  }
  await checkRequests(orchestrator, runs);
  const checked = await assertRunsFold(orchestrator.database.database);
  assert.equal(checked, plan.dags, "I6: one run for each request");
  const { rows } = await orchestrator.database.database.query(selectSurvivors);
  assert(rows.length > 0, "no run was under way when the orchestrator was killed");
  await orchestrator.stop();
}

interface Submitted extends Run {
  readonly requestId: string;
  readonly document: object;
}

/** Asks until it is answered: one that is killed meanwhile may or may not have done it. */
async function submitAll(
  orchestrator: OrchestratorProcess,
  { dags, seed: from }: Plan,
  random: (below: number) => number,
): Promise<Submitted[]> {
  const documents = fc.sample(randomDag(20), { seed: from, numRuns: dags }).map(documentOf);
  documents[0] = documentOf(flatDag(random));
  const runs: Submitted[] = [];
  for (const [index, document] of documents.entries()) {
    const requestId = `request ${index}`;
    const run = await until(() => createRun(orchestrator, document, { requestId }));
    runs.push({ ...run, requestId, document });
    if (random(10) === 0) await until(() => orchestrator.runs.terminateRun({ id: run.id }));
  }
  return runs;
}

/** As many tasks as a DAG of this test may have, each after some of those before it. */
function flatDag(random: (below: number) => number): RandomTask[] {
  return Array.from({ length: TASKS_MAX }, (_, index) => ({
    data: random(3) === 0 ? random(index + 1) : undefined,
    after: random(2) === 0 ? [random(index + 1)] : [],
    inner: undefined,
  }));
}

/** I6: whoever asks again gets the answer of the first time. */
async function checkRequests(
  orchestrator: OrchestratorProcess,
  runs: readonly Submitted[],
): Promise<void> {
  for (const { requestId, document, id } of runs) {
    const again = await createRun(orchestrator, document, { requestId });
    assert.equal(again.id, id, "I6: the same request made two runs");
  }
}

async function allEnded(orchestrator: OrchestratorProcess, runs: readonly Run[]): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  const open = new Set(runs.map(({ id }) => id));
  while (open.size > 0) {
    assert(performance.now() < endMs, `I1: ${open.size} runs have not ended`);
    for (const id of open) {
      const { run } = await until(() => orchestrator.runs.getRun({ id }));
      if (run !== undefined && run.finishedAt !== undefined) open.delete(id);
    }
    await wait(100);
  }
}

/** Fails, reports twice, loses its stream, is started anew. */
function unreliableWorker(
  orchestrator: OrchestratorProcess,
  index: number,
  random: (below: number) => number,
): FakeWorker {
  const worker: FakeWorker = orchestrator.worker({
    workerId: `worker ${index}`,
    credits: 8,
    run: (start) => {
      const chance = random(100);
      if (chance < 3) return failedWith("by chance");
      if (chance < 6) void reportTwice(worker, start);
      if (chance === 6) void breakStream(worker);
      if (chance === 7) worker.attempts.clear();
      return SUCCEEDED;
    },
    onStop: ({ attemptId }, self) => {
      const start = self.attempts.get(attemptId);
      if (start !== undefined) self.finish(start, { state: AttemptState.CANCELED });
    },
  });
  return worker;
}

async function reportTwice(worker: FakeWorker, start: StartAttempt): Promise<void> {
  await Promise.resolve();
  worker.finish(start, SUCCEEDED);
  worker.finish(start, failedWith("a second word"));
}

async function breakStream(worker: FakeWorker): Promise<void> {
  await worker.disconnect();
  worker.connect();
}

/** Again until it is answered: the server may be away. */
async function until<Value>(call: () => Promise<Value>): Promise<Value> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const retriable = error instanceof Error && "retriable" in error && error.retriable === true;
      if (!retriable || performance.now() > endMs) throw error;
      await wait(50);
    }
  }
}

/** Numbers below a bound, the same for the same seed (mulberry32). */
function seeded(from: number): (below: number) => number {
  let state = from | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
