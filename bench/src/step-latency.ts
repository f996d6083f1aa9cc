import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { artifactsMigrations, BLOB_BYTES_MAX, LOG_BYTES_MAX } from "@tidemill/artifacts";
import { wait } from "@tidemill/lifecycle";
import { orchestratorMigrations } from "@tidemill/orchestrator";
import { type Run, RunState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { createMeshClient, type MeshClient } from "@tidemill/rpc";
import { startNats, startPostgres, tempDir, testDatabase, tools } from "@tidemill/testing";
import type { Emit } from "./bench.ts";
import { median, quantile } from "./quantile.ts";
import { chainDocument, chainInPython } from "./step-latency/chain.ts";
import { startDeployable } from "./step-latency/deployable.ts";
import { timeLocalChain } from "./step-latency/local-chain.ts";
import { type AttemptTimes, startWorkerTap } from "./step-latency/worker-tap.ts";

const CHAIN_TASKS = 20;
const WARM_UP_RUNS = 10;
const RUNS = 20;
const ROUNDS = 5;
const CHAINS_PER_ROUND = 4;
/** The first run of a process is its warm-up. */
const LOCAL_RUNS = 2;
const RUN_TIMEOUT_MS = 120_000;
const WORKER_SLOTS = 2;
/** What a run leaves to be done after its end (logs, events) is done by then. */
const SETTLE_MS = 1_500;

interface Sample {
  /** Its predecessor's result was committed -> its first line of user code. */
  readonly stepMs: number;
  /** The part of that which is the worker's: StartAttempt arrived -> first line of user code. */
  readonly workerMs: number;
  /** First line of user code -> its result went out. */
  readonly resultMs: number;
  /** A result went out -> it was committed, by the acknowledgement. */
  readonly commitMs: number;
}

/**
 * Chains of trivial Python components through Postgres, artifacts, orchestrator and worker, each a
 * process of its own, fsync on. User code prints the time of its first line; a tap on the worker's
 * stream (half a millisecond each way that a real worker does not pay) sees everything else. The
 * chains beside kfp.local run without it, one at a time, as somebody would run them.
 */
export async function run(emit: Emit): Promise<void> {
  const mesh = await startMesh();
  try {
    const samples: Sample[] = [];
    for (let at = 0; at < WARM_UP_RUNS + RUNS; at += 1) {
      mesh.tap.clear();
      const finished = await runChain(mesh.runs);
      if (at < WARM_UP_RUNS) continue;
      samples.push(...(await samplesOf(mesh.runs, finished, mesh.tap.times())));
    }
    for (const [figure, key] of FIGURES) {
      const values = samples.map((sample) => sample[key]);
      const [p50_ms, p99_ms] = [round(median(values)), round(quantile(values, 0.99))];
      emit({ figure, p50_ms, p99_ms, samples: values.length });
    }
    await mesh.removeTap();
    const { chainMs, peerMs } = await compareChains(mesh.runs);
    emit({
      figure: "chain-of-20",
      tidemill_ms: round(chainMs),
      kfp_local_ms: round(peerMs),
      ratio: round(peerMs / chainMs),
    });
  } finally {
    await mesh.stop();
  }
}

const FIGURES = [
  ["committed-to-user-code", "stepMs"],
  ["start-attempt-to-user-code", "workerMs"],
  ["user-code-to-result", "resultMs"],
  ["result-to-commit", "commitMs"],
] as const;

async function startMesh() {
  const [postgres, nats, toolbox] = await Promise.all([
    startPostgres({ own: true, fsync: true }),
    startNats(),
    tools(),
  ]);
  const [forArtifacts, forOrchestrator] = await Promise.all([
    testDatabase(postgres, artifactsMigrations),
    testDatabase(postgres, orchestratorMigrations),
  ]);
  const home = tempDir("step-latency");
  const token = randomBytes(16).toString("hex");
  const shared = { TIDEMILL_HOME: home, TIDEMILL_LOG_LEVEL: "warn", TIDEMILL_NATS_URL: nats.url };
  const secrets = { nats: nats.token, worker: token, key: randomBytes(16).toString("hex") };
  const artifacts = await startDeployable("services/artifacts", secrets, {
    ...shared,
    TIDEMILL_POSTGRES_URL: forArtifacts.url,
    TIDEMILL_ARTIFACTS_BLOB_BYTES_MAX: String(BLOB_BYTES_MAX),
    TIDEMILL_ARTIFACTS_LOG_BYTES_MAX: String(LOG_BYTES_MAX),
  });
  const artifactsAt = {
    TIDEMILL_ARTIFACTS_HTTP: `http://127.0.0.1:${artifacts.httpPort}`,
    TIDEMILL_ARTIFACTS_GRPC: `127.0.0.1:${artifacts.grpcPort}`,
  };
  const orchestrator = await startDeployable("services/orchestrator", secrets, {
    ...shared,
    ...artifactsAt,
    TIDEMILL_POSTGRES_URL: forOrchestrator.url,
  });
  const address = `127.0.0.1:${orchestrator.grpcPort}`;
  const tap = await startWorkerTap(address, token);
  const startWorker = (orchestratorGrpc: string) =>
    startDeployable("worker", secrets, {
      ...shared,
      ...artifactsAt,
      TIDEMILL_WORKER_HOME: join(home, "worker"),
      TIDEMILL_ORCHESTRATOR_GRPC: orchestratorGrpc,
      TIDEMILL_WORKER_SLOTS: String(WORKER_SLOTS),
      TIDEMILL_UV: toolbox.uv,
      TIDEMILL_KFP_WHEEL: toolbox.kfpWheel,
      TIDEMILL_PYTHON: toolbox.python.path,
    });
  let worker = await startWorker(tap.address);
  const runs = createMeshClient(RunService, { address });
  return {
    runs,
    tap,
    async removeTap() {
      await worker.stop();
      worker = await startWorker(address);
      for (let at = 0; at < WARM_UP_RUNS; at += 1) await runChain(runs);
    },
    async stop() {
      runs.close();
      for (const deployable of [worker, orchestrator, artifacts]) await deployable.stop();
      await tap.stop();
      await Promise.all([forArtifacts.drop(), forOrchestrator.drop()]);
      await Promise.all([nats.stop(), postgres.stop()]);
    },
  };
}

/** By turns, so that whatever else the machine does meets both. */
async function compareChains(runs: MeshClient<typeof RunService>) {
  const chainsMs: number[] = [];
  const peersMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let at = 0; at < CHAINS_PER_ROUND; at += 1) {
      await wait(SETTLE_MS);
      const startMs = performance.now();
      await runChain(runs);
      chainsMs.push(performance.now() - startMs);
    }
    const localMs = await timeLocalChain(chainInPython(CHAIN_TASKS), LOCAL_RUNS);
    peersMs.push(...localMs.slice(1));
  }
  return { chainMs: median(chainsMs), peerMs: median(peersMs) };
}

async function runChain(runs: MeshClient<typeof RunService>): Promise<Run> {
  const value = new Uint8Array(Buffer.from(JSON.stringify(chainDocument(CHAIN_TASKS))));
  const source = { source: { case: "spec", value } } as const;
  const { run: created } = await runs.createRun({ pipeline: { case: "source", value: source } });
  const { id: runId = "", namespace = "" } = created ?? {};
  const signal = AbortSignal.timeout(RUN_TIMEOUT_MS);
  for await (const { run: changed } of runs.watchRun({ runId, namespace }, { signal })) {
    if (changed?.state === RunState.SUCCEEDED) return changed;
    if (changed?.state === RunState.FAILED) throw new Error(JSON.stringify(changed.error));
  }
  throw new Error(`the watch of run ${runId} ended before the run`);
}

async function samplesOf(
  runs: MeshClient<typeof RunService>,
  { id: runId, namespace }: Run,
  times: ReadonlyMap<string, AttemptTimes>,
): Promise<Sample[]> {
  const { tasks } = await runs.listTasks({ runId, namespace });
  const steps = tasks
    .filter(({ attempts }) => attempts.length > 0)
    .map((task) => ({
      times: times.get(task.attempts[0]?.id ?? ""),
      userCodeMs: Number(BigInt(JSON.parse(task.outputParametersJson.Output ?? '"0"'))) / 1e6,
    }))
    .sort((a, b) => a.userCodeMs - b.userCodeMs);
  return steps.slice(1).map(({ times: mine, userCodeMs }, index) => {
    const previous = steps[index]?.times;
    if (mine === undefined || previous === undefined) throw new Error("the tap missed an attempt");
    return {
      stepMs: userCodeMs - previous.acceptedMs,
      workerMs: userCodeMs - mine.startMs,
      resultMs: mine.finishedMs - userCodeMs,
      commitMs: previous.acceptedMs - previous.finishedMs,
    };
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
