import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { UnauthenticatedError, UnavailableError } from "@tidemill/errors";
import { eventBacklog } from "@tidemill/eventing";
import type { Event } from "@tidemill/proto/tidemill/common/v1/event_pb.ts";
import {
  RunSubmittedSchema,
  TaskSucceededSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/events_pb.ts";
import { type Run, RunState, TaskState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { eventually, startNats, startPostgres, type TestPostgres } from "@tidemill/testing";
import { SUCCEEDED } from "./fake-worker.ts";
import {
  type Clients,
  createRun,
  ended,
  startOrchestrator,
  type TestOrchestrator,
  tasksOf,
} from "./helpers.ts";
import { output, pipelineDocument } from "./pipeline-builder.ts";

const single = pipelineDocument({ tasks: { only: {} } });
const pair = pipelineDocument({
  tasks: { first: {}, second: { parameters: { x: output("first") } } },
});
const wide = pipelineDocument({
  tasks: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`t${index}`, {}])),
});
const heavy = pipelineDocument({
  tasks: { heavy: { component: "heavy" } },
  components: { heavy: { executorLabel: "exec-heavy" } },
  executors: {
    "exec-heavy": {
      container: {
        image: "alpine",
        command: ["true"],
        resources: { resourceCpuRequest: "16", cpuRequest: 16 },
      },
    },
  },
});

describe("engine", () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.stop());

  it("lets runs of all shards share commits", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const shards = new Set<number>();
    const runs: Run[] = [];
    while (shards.size < 64 && runs.length < 1_000) {
      const more = Array.from({ length: 40 }, () => createRun(orchestrator, pair));
      for (const run of await Promise.all(more)) {
        runs.push(run);
        shards.add(orchestrator.service.engine.runs.find(run.id)?.lease.shard ?? -1);
      }
    }
    assert.equal(shards.size, 64);
    const before = { ...orchestrator.service.engine.counts };
    orchestrator.worker({ credits: 64 });
    await Promise.all(runs.map((run) => ended(orchestrator, run)));
    const { counts } = orchestrator.service.engine;
    const transitions = counts.transitions - before.transitions;
    const commits = counts.commits - before.commits;
    assert(transitions > commits * 4, `${transitions} transitions took ${commits} commits`);
    await eventually(() => runs.every(({ id }) => !orchestrator.service.engine.runs.find(id)));
    await orchestrator.stop();
  });

  it("puts a task and what it made ready into one commit", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const worker = orchestrator.worker({ run: () => undefined });
    const run = await createRun(orchestrator, pair);
    const first = await eventually(() => worker.started[0]);
    const { commits } = orchestrator.service.engine.counts;
    worker.finish(first, SUCCEEDED);
    const second = await eventually(() => worker.started[1]);
    assert.equal(orchestrator.service.engine.counts.commits, commits + 1);
    worker.finish(second, SUCCEEDED);
    await ended(orchestrator, run);
    await orchestrator.stop();
  });

  it("gives every run its turn, and a worker no more than it has slots", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const runs = [await createRun(orchestrator, wide), await createRun(orchestrator, wide)];
    let most = 0;
    let running = 0;
    const worker = orchestrator.worker({
      credits: 2,
      async run() {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return SUCCEEDED;
      },
    });
    await Promise.all(runs.map((run) => ended(orchestrator, run)));
    assert(most <= 2, `${most} attempts at a time`);
    const firstTen = worker.started.slice(0, 10).map(({ attempt }) => attempt?.runId);
    for (const { id } of runs) {
      // Two commits may be under way, and the later one may be the first to reach the disk.
      const turns = firstTen.filter((runId) => runId === id).length;
      assert(turns >= 4 && turns <= 6, `${turns} of the first ten tasks are of one run`);
    }
    await orchestrator.stop();
  });

  it("clamps a request beyond the machine, and shows on the task what the worker says of it", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const run = await createRun(orchestrator, heavy);
    const worker = orchestrator.worker({ credits: 2, run: () => undefined });
    const start = await eventually(() => worker.started[0]);
    assert.equal(start.resources?.slots, 2);
    assert(start.attempt !== undefined);
    const warnings = [{ code: "RESOURCES_CLAMPED", message: "it runs with 2" }];
    worker.say({ case: "started", value: { attempt: start.attempt, warnings } });
    worker.finish(start, SUCCEEDED);
    await ended(orchestrator, run);
    const [, task] = await tasksOf(orchestrator, run);
    assert.deepEqual(
      task?.warnings.map(({ code }) => code),
      ["RESOURCES_CLAMPED"],
    );
    await orchestrator.stop();
  });

  it("sends nothing to a worker that drains", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const drained = orchestrator.worker({ workerId: "drained" });
    await eventually(() => drained.connections === 1);
    drained.say({ case: "credits", value: { credits: 0 } });
    const metrics = () => fetchMetrics(orchestrator);
    await eventually(async () => /tidemill_worker_slots\{state="free"\} 0/.test(await metrics()));
    const run = await createRun(orchestrator, single);
    assert.match(await metrics(), /tidemill_tasks_queued 1/);
    const other = orchestrator.worker({ workerId: "other" });
    await ended(orchestrator, run);
    assert.equal(drained.started.length, 0);
    assert.equal(other.started.length, 1);
    await orchestrator.stop();
  });

  it("refuses workers without the token", async () => {
    await using orchestrator = await startOrchestrator(postgres);
    const stranger = orchestrator.worker({ token: "a guess" });
    const failure = await eventually(() => stranger.failures[0]);
    assert(failure instanceof UnauthenticatedError);
    await orchestrator.stop();
  });

  it("fails calls while postgres is away, and goes on when it is back", async () => {
    const own = await startPostgres({ own: true });
    await using orchestrator = await startOrchestrator(own);
    const worker = orchestrator.worker({ run: () => undefined });
    const run = await createRun(orchestrator, pair);
    const first = await eventually(() => worker.started[0]);
    await own.kill9();
    worker.finish(first, SUCCEEDED);
    await assert.rejects(
      orchestrator.runs.terminateRun({ id: run.id }, { timeoutMs: 3_000 }),
      (error) => error instanceof Error && "retriable" in error && error.retriable === true,
    );
    assert.deepEqual(worker.accepted, []);
    await own.restart();
    const second = await eventually(() => worker.started.find((s) => s.taskKey === "second"), {
      timeoutMs: 30_000,
    });
    worker.finish(second, SUCCEEDED);
    assert.equal((await ended(orchestrator, run)).state, RunState.SUCCEEDED);
    await orchestrator.stop();
    await own.stop();
  });

  it("runs without the broker, and tells it everything once it is there", async () => {
    const nats = await startNats();
    await nats.stop();
    const config = { nats: { url: nats.url, token: nats.token } };
    await using orchestrator = await startOrchestrator(postgres, { config });
    orchestrator.worker();
    const run = await ended(orchestrator, await createRun(orchestrator, pair));
    assert.equal(run.state, RunState.SUCCEEDED);
    const events = await allEvents(orchestrator, run.id);
    assert.deepEqual(
      events.filter(({ entity }) => entity === "run").map(({ type }) => type.split(".").at(-1)),
      ["RunSubmitted", "RunStarted", "RunSucceeded"],
    );
    const [submitted] = events;
    assert(submitted !== undefined);
    assert.equal(submitted.subject, "tidemill.orchestrator.default.run.submitted.v1");
    assert.equal(fromBinary(RunSubmittedSchema, submitted.data).run?.id, run.id);
    const succeeded = events
      .filter(({ type }) => type === TaskSucceededSchema.typeName)
      .map(({ data }) => fromBinary(TaskSucceededSchema, data).task);
    assert.deepEqual(
      succeeded.map((task) => task?.path),
      ["first", "second", ""],
    );
    assert(succeeded.every((task) => task?.state === TaskState.SUCCEEDED));
    checkVersions(events);
    const isPublished = async () =>
      (await eventBacklog(orchestrator.database.database)).unpublished === 0;
    assert.equal(await isPublished(), false);
    await nats.start();
    await eventually(isPublished, { timeoutMs: 20_000 });
    await orchestrator.stop();
    await nats.stop();
  });

  it("says that it is away when another orchestrator owns the runs", async () => {
    await using owner = await startOrchestrator(postgres);
    const { database } = owner;
    await using standby = await startOrchestrator(postgres, { database });
    assert.equal(standby.service.engine.shards.count, 0);
    await assert.rejects(
      standby.runs.createRun(
        { pipeline: { case: "source", value: sourceOf(single) } },
        { timeoutMs: 2_000 },
      ),
      UnavailableError,
    );
    const run = await createRun(owner, single);
    const { run: seen } = await standby.runs.getRun({ id: run.id });
    assert.equal(seen?.id, run.id);
    const watched = ended(standby, run);
    owner.worker();
    assert.equal((await watched).state, RunState.SUCCEEDED);
    await standby.stop();
    await owner.stop();
  });
});

function sourceOf(document: object) {
  const value = new Uint8Array(Buffer.from(JSON.stringify(document)));
  return { source: { case: "spec", value } } as const;
}

async function fetchMetrics({ service }: TestOrchestrator): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${service.httpPort}/metrics`);
  return await response.text();
}

/** Every event about a run and its tasks, once all of them have their positions. */
async function allEvents({ events }: Pick<Clients, "events">, runId: string): Promise<Event[]> {
  return await eventually(async () => {
    const page = await events.listEvents({ pageSize: 1_000 });
    const isOver = page.events.some(
      ({ entityId, type }) => entityId === runId && type.endsWith("RunSucceeded"),
    );
    return isOver ? page.events : undefined;
  });
}

/** Of each entity the versions grow, in the order of positions. */
function checkVersions(events: readonly Event[]): void {
  const versions = new Map<string, bigint>();
  for (const { entityId, entityVersion } of events) {
    assert(entityVersion > (versions.get(entityId) ?? 0n), `versions of ${entityId} fall`);
    versions.set(entityId, entityVersion);
  }
}
