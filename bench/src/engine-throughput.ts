import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { eventBacklog, type NatsSettings } from "@tidemill/eventing";
import {
  createOrchestratorService,
  type OrchestratorService,
  orchestratorMigrations,
  RUNS_RETENTION_DAYS,
} from "@tidemill/orchestrator";
import { AttemptState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import {
  WorkerHelloSchema,
  type WorkRequest,
  WorkRequestSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import { createMeshClient } from "@tidemill/rpc";
import { silentLogger } from "@tidemill/telemetry";
import { startNats, startPostgres, type TestPostgres, testDatabase } from "@tidemill/testing";
import type { Emit } from "./bench.ts";

/** Shorter for a look at a profile: the figures that count come from the whole time. */
const SECONDS_FACTOR = Number(process.env.TIDEMILL_BENCH_SECONDS_FACTOR ?? "1");
const WARM_UP_SECONDS = 5 * SECONDS_FACTOR;
const BEHIND_SECONDS = 30 * SECONDS_FACTOR;
const PUBLISHED_SECONDS = 60 * SECONDS_FACTOR;

/** Attempts that the null runner has at a time. */
const SLOTS = 1_024;
const RUNS_IN_FLIGHT = 48;
const CHAINS = 32;
const CHAIN_LENGTH = 10;

/** With the relay keeping up, events are made at this rate, a little above what is promised. */
const PUBLISHED_RATE = 4_400;
const PACE_MS = 5;
/** An outbox that holds no more than this after all events of a minute is not growing. */
const BACKLOG_MAX = 10_000;

/**
 * The whole engine but for the network: reducer, journal, rows and outbox on a real Postgres with
 * fsync on, and a runner in this process whose attempts end the moment they begin. One transition
 * is one task state change: one journal row, one task update, one outbox row.
 */
export async function run(emit: Emit): Promise<void> {
  const postgres = await startPostgres({ own: true, fsync: true });
  try {
    await relayBehind(postgres, emit);
    await allPublished(postgres, emit);
  } finally {
    await postgres.stop();
  }
}

async function relayBehind(postgres: TestPostgres, emit: Emit): Promise<void> {
  await withEngine(postgres, { url: "nats://127.0.0.1:1" }, async (mesh) => {
    const stop = startLoad(mesh, undefined);
    await pause(WARM_UP_SECONDS * 1_000);
    const measured = await measure(mesh.service, BEHIND_SECONDS);
    await stop();
    emitAll(emit, "relay_behind", measured);
  });
}

async function allPublished(postgres: TestPostgres, emit: Emit): Promise<void> {
  const nats = await startNats();
  await withEngine(postgres, { url: nats.url, token: nats.token }, async (mesh) => {
    const stop = startLoad(mesh, PUBLISHED_RATE);
    await pause(WARM_UP_SECONDS * 1_000);
    const before = await eventBacklog(mesh.database);
    const measured = await measure(mesh.service, PUBLISHED_SECONDS);
    const after = await eventBacklog(mesh.database);
    await stop();
    emitAll(emit, "published", measured);
    const published = Math.round((after.published - before.published) / PUBLISHED_SECONDS);
    emit({ figure: "published.events_per_second", value: published, unit: "1/s" });
    const backlog = after.unpositioned + after.unpublished;
    emit({
      figure: "published.backlog_at_end",
      value: backlog,
      unit: "events",
      growing: backlog > BACKLOG_MAX,
    });
  });
  await nats.stop();
}

interface Mesh {
  readonly service: OrchestratorService;
  readonly database: Parameters<typeof eventBacklog>[0];
}

async function withEngine(
  postgres: TestPostgres,
  nats: NatsSettings,
  work: (mesh: Mesh) => Promise<void>,
): Promise<void> {
  const database = await testDatabase(postgres, orchestratorMigrations);
  const service = createOrchestratorService(
    {
      host: "127.0.0.1",
      httpPort: 0,
      grpcPort: 0,
      allowedHosts: [],
      postgres: { url: database.url },
      nats: { url: nats.url, ...(nats.token === undefined ? {} : { token: nats.token }) },
      artifactsHttp: "http://127.0.0.1:1",
      artifactsGrpc: "127.0.0.1:1",
      workerToken: "bench",
      pageTokenKey: randomBytes(32),
      runsRetentionDays: RUNS_RETENTION_DAYS,
      logLevel: "error",
    },
    { log: silentLogger },
  );
  await service.start();
  try {
    await work({ service, database: database.database });
  } finally {
    await service.stop();
    await database.drop();
  }
}

/** Keeps runs and attempts in flight; `rate` bounds the transitions a second. */
function startLoad({ service }: Mesh, rate: number | undefined): () => Promise<void> {
  const client = createMeshClient(RunService, { address: `127.0.0.1:${service.grpcPort}` });
  const spec = new Uint8Array(Buffer.from(JSON.stringify(pipeline()), "utf8"));
  const state = { stopping: false };
  const runner = startNullRunner(service, rate);

  async function keepOne(): Promise<void> {
    while (!state.stopping) {
      const source = { source: { case: "spec", value: spec } } as const;
      const { run: created } = await client.createRun({
        pipeline: { case: "source", value: source },
      });
      const subscription = service.engine.changes.subscribe(created?.id ?? "");
      while (!state.stopping && service.engine.runs.find(created?.id ?? "") !== undefined) {
        subscription.take();
        await subscription.changed();
        await pause(1);
      }
      subscription.close();
    }
  }

  const keepers = Promise.all(Array.from({ length: RUNS_IN_FLIGHT }, keepOne));
  return async () => {
    state.stopping = true;
    await keepers;
    await runner.stop();
    client.close();
  };
}

/** Says of every attempt that it has succeeded, at once or as fast as the rate allows. */
function startNullRunner({ engine }: OrchestratorService, rate: number | undefined) {
  const hello = create(WorkerHelloSchema, {
    workerId: "null",
    instanceId: "null",
    credits: SLOTS,
  });
  const waiting: WorkRequest[] = [];
  const abort = new AbortController();
  const connected = engine.hub.connect(hello);
  // A task has three transitions: queued, started, succeeded.
  const perPace = rate === undefined ? SLOTS : (rate / 3) * (PACE_MS / 1_000);
  let allowance = 0;

  async function receive(): Promise<void> {
    const connection = await connected;
    for await (const { message } of connection) {
      if (message?.case !== "start" || message.value.attempt === undefined) continue;
      const finished = create(WorkRequestSchema, {
        message: {
          case: "finished",
          value: {
            attempt: message.value.attempt,
            state: AttemptState.SUCCEEDED,
            outputParameters: { out: { value: { case: "json", value: '"an output"' } } },
          },
        },
      });
      if (rate === undefined) setImmediate(() => engine.hub.receive(hello, connection, finished));
      else waiting.push(finished);
    }
  }

  async function pace(): Promise<void> {
    const connection = await connected;
    let lastMs = performance.now();
    while (!abort.signal.aborted) {
      await pause(PACE_MS);
      const nowMs = performance.now();
      allowance = Math.min(allowance + perPace * ((nowMs - lastMs) / PACE_MS), SLOTS);
      lastMs = nowMs;
      for (; allowance >= 1 && waiting.length > 0; allowance -= 1) {
        const finished = waiting.shift();
        if (finished !== undefined) engine.hub.receive(hello, connection, finished);
      }
      engine.hub.receive(hello, connection, heartbeat);
    }
  }

  const running = Promise.all([receive(), pace()]);
  return {
    async stop() {
      abort.abort();
      engine.hub.disconnect(hello, await connected);
      await running;
    },
  };
}

const heartbeat = create(WorkRequestSchema, { message: { case: "heartbeat", value: {} } });

interface Measured {
  readonly seconds: number;
  readonly transitions: number;
  readonly commits: number;
  readonly cpuUs: number;
}

async function measure({ engine }: OrchestratorService, seconds: number): Promise<Measured> {
  const { transitions, commits } = engine.counts;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await pause(seconds * 1_000);
  const used = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - startMs) / 1_000,
    transitions: engine.counts.transitions - transitions,
    commits: engine.counts.commits - commits,
    cpuUs: used.user + used.system,
  };
}

function emitAll(emit: Emit, phase: string, measured: Measured): void {
  const { seconds, transitions, commits, cpuUs } = measured;
  const perSecond = Math.round(transitions / seconds);
  emit({ figure: `${phase}.transitions_per_second`, value: perSecond, unit: "1/s" });
  emit({
    figure: `${phase}.transitions_per_fsync`,
    value: Math.round((transitions / commits) * 10) / 10,
    unit: "transitions",
    commits_per_second: Math.round(commits / seconds),
  });
  emit({
    figure: `${phase}.cpu_per_transition`,
    value: Math.round((cpuUs / transitions) * 10) / 10,
    unit: "us",
  });
}

/** Chains side by side; a task hands its output to the next one. */
function pipeline(): object {
  const tasks: Record<string, object> = {};
  for (let chain = 0; chain < CHAINS; chain++) {
    for (let place = 0; place < CHAIN_LENGTH; place++) {
      const key = `chain-${chain}-${place}`;
      const producerTask = `chain-${chain}-${place - 1}`;
      tasks[key] = {
        taskInfo: { name: key },
        componentRef: { name: "link" },
        ...(place === 0
          ? {}
          : {
              dependentTasks: [producerTask],
              inputs: {
                parameters: {
                  x: { taskOutputParameter: { producerTask, outputParameterKey: "out" } },
                },
              },
            }),
      };
    }
  }
  return {
    pipelineInfo: { name: "chains" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.0",
    root: { dag: { tasks } },
    components: {
      link: {
        executorLabel: "exec-link",
        inputDefinitions: { parameters: { x: { parameterType: "STRING", isOptional: true } } },
        outputDefinitions: { parameters: { out: { parameterType: "STRING" } } },
      },
    },
    deploymentSpec: {
      executors: { "exec-link": { container: { image: "alpine", command: ["true"] } } },
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
