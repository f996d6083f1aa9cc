import { createDatabase, createGroupCommit, statement, type Transaction } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { startPostgres } from "@tidemill/testing";
import type { Emit } from "./bench.ts";

const DURATION_MS = 5_000;
const WARM_UP_MS = 1_000;
/** Callers that each have one call under way, as runs have. */
const CALLERS = 200;
const SHARDS = 64;

interface Call {
  readonly run: number;
  readonly seq: number;
}

const schema = `
  create table bench_journal (run bigint, seq bigint, payload bytea, primary key (run, seq));
  create table bench_tasks (run bigint primary key, state text, seq bigint) with (fillfactor = 70);
  create table bench_outbox (run bigint, seq bigint, data bytea, primary key (run, seq));
  insert into bench_tasks select n, 'queued', 0 from generate_series(0, ${CALLERS - 1}) n`;

const insertJournal = statement(
  "bench_journal",
  "insert into bench_journal select * from unnest($1::bigint[], $2::bigint[], $3::bytea[])",
);
const insertOutbox = statement(
  "bench_outbox",
  "insert into bench_outbox select * from unnest($1::bigint[], $2::bigint[], $3::bytea[])",
);
const updateTasks = statement(
  "bench_tasks",
  `update bench_tasks t set state = 'running', seq = u.seq
   from unnest($1::bigint[], $2::bigint[]) u (run, seq) where t.run = u.run`,
);

/** Three rows a call (journal, task, outbox), as a transition of a run writes them. */
export async function run(emit: Emit): Promise<void> {
  const server = await startPostgres({ own: true, fsync: true });
  const database = createDatabase({ url: server.url, poolMax: 4, log: silentLogger });
  let commits = 0;
  const writer = createGroupCommit<Call, undefined>({
    name: "bench",
    database,
    log: silentLogger,
    orderKey: (call) => String(call.run % SHARDS),
    async write(tx, calls) {
      commits += 1;
      await writeRows(tx, calls);
      return calls.map(() => undefined);
    },
  });
  try {
    await database.start();
    await database.execute(schema);
    const progress = { calls: 0, stopping: false };
    const callers = Array.from({ length: CALLERS }, (_, index) =>
      submitUntilStopped(index, progress, writer.submit),
    );
    await pause(WARM_UP_MS);
    const [before, commitsBefore, startMs] = [progress.calls, commits, performance.now()];
    const cpu = process.cpuUsage();
    await pause(DURATION_MS);
    const seconds = (performance.now() - startMs) / 1000;
    const used = process.cpuUsage(cpu);
    const calls = progress.calls - before;
    progress.stopping = true;
    emit({ figure: "calls_per_second", value: Math.round(calls / seconds), unit: "1/s" });
    const perCommit = calls / (commits - commitsBefore);
    emit({ figure: "calls_per_commit", value: Math.round(perCommit * 10) / 10, unit: "calls" });
    const cpuUs = (used.user + used.system) / calls;
    emit({ figure: "cpu_per_call", value: Math.round(cpuUs * 10) / 10, unit: "us" });
    await Promise.all(callers);
  } finally {
    await writer.stop();
    await database.stop();
    await server.stop();
  }
}

async function submitUntilStopped(
  index: number,
  progress: { calls: number; stopping: boolean },
  submit: (call: Call) => Promise<undefined>,
): Promise<void> {
  for (let seq = 1; !progress.stopping; seq++) {
    await submit({ run: index, seq });
    progress.calls += 1;
  }
}

async function writeRows(tx: Transaction, calls: readonly Call[]): Promise<void> {
  const runs = calls.map((call) => call.run);
  const seqs = calls.map((call) => call.seq);
  const data = calls.map(() => payload);
  await Promise.all([
    tx.query(insertJournal, [runs, seqs, data]),
    tx.query(updateTasks, [runs, seqs]),
    tx.query(insertOutbox, [runs, seqs, data]),
  ]);
}

const payload = Buffer.alloc(200, 1);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
