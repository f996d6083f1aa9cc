import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import {
  LogService,
  type ReadLogRequest,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import {
  type Run,
  RunState,
  type Task,
  TaskState,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { bind, createRpcServer, type RpcServer } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";
import {
  eventually,
  type FakeClock,
  fakeClock,
  startPostgres,
  type TestPostgres,
} from "@tidemill/testing";
import { SEALED_WITHIN_MS } from "../src/operations/get-logs.ts";
import { SUCCEEDED } from "./fake-worker.ts";
import {
  createRun,
  ended,
  isEnded,
  startOrchestrator,
  type TestOrchestrator,
  tasksOf,
} from "./helpers.ts";
import { pipelineDocument } from "./pipeline-builder.ts";

const wide = pipelineDocument({
  tasks: Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`t${index}`, {}])),
});
const single = pipelineDocument({ tasks: { only: {} } });

describe("watching", () => {
  let postgres: TestPostgres;
  let orchestrator: TestOrchestrator;
  let logs: FakeLogs;

  before(async () => {
    postgres = await startPostgres();
    logs = await startFakeLogs();
    const config = { artifactsGrpc: `127.0.0.1:${logs.server.grpcPort}` };
    orchestrator = await startOrchestrator(postgres, { config });
  });
  after(async () => {
    await orchestrator.stop();
    await logs.server.stop();
    await postgres.stop();
  });

  it("shows everything as it is, then every change, and ends with the run", async () => {
    const worker = orchestrator.worker();
    const run = await createRun(orchestrator, wide);
    const tasks = new Map<string, Task>();
    let caughtUp = 0;
    let last: Run | undefined;
    for await (const change of orchestrator.runs.watchRun({ runId: run.id })) {
      for (const task of change.tasks) {
        const before = tasks.get(task.id);
        assert(before === undefined || before.version <= task.version, "versions never fall");
        if (task.parentTaskId !== "") assert(tasks.has(task.parentTaskId), "parents come first");
        tasks.set(task.id, task);
      }
      if (change.caughtUp) caughtUp += 1;
      last = change.run ?? last;
    }
    assert(caughtUp > 0);
    assert.equal(last?.state, RunState.SUCCEEDED);
    assert.equal(tasks.size, 301);
    for (const task of tasks.values()) assert.equal(task.state, TaskState.SUCCEEDED);
    await worker.stop();
  });

  it("resumes wherever it broke without leaving anything out", async () => {
    const worker = orchestrator.worker();
    const run = await createRun(orchestrator, wide);
    const states = new Map<string, TaskState>();
    let resumeToken = "";
    let last: Run | undefined;
    let streams = 0;
    while (!isEnded(last)) {
      streams += 1;
      let messages = 0;
      for await (const change of orchestrator.runs.watchRun({ runId: run.id, resumeToken })) {
        for (const task of change.tasks) states.set(task.id, task.state);
        last = change.run ?? last;
        resumeToken = change.resumeToken;
        messages += 1;
        if (messages === 2) break;
      }
    }
    assert(streams > 1);
    assert.equal(states.size, 301);
    assert.deepEqual([...new Set(states.values())], [TaskState.SUCCEEDED]);
    // Resumed at the very end there is nothing more to say.
    for await (const change of orchestrator.runs.watchRun({ runId: run.id, resumeToken })) {
      assert.deepEqual(change.tasks, []);
    }
    await worker.stop();
  });

  it("refuses the resume token of another run", async () => {
    const [one, two] = [
      await createRun(orchestrator, single),
      await createRun(orchestrator, single),
    ];
    const [first] = await take(orchestrator.runs.watchRun({ runId: one.id }), 1);
    const resumeToken = first?.resumeToken ?? "";
    const watch = orchestrator.runs.watchRun({ runId: two.id, resumeToken });
    await assert.rejects(take(watch, 1), InvalidError);
  });

  it("follows the logs of a task that has not begun, all streams of it, until it is over", async () => {
    const run = await createRun(orchestrator, single, { name: "logs" });
    const [change] = await take(orchestrator.runs.watchRun({ runId: run.id }), 1);
    const taskId = change?.tasks.at(-1)?.id ?? "";
    const parts: string[] = [];
    const following = (async () => {
      const request = { runId: run.id, taskId, follow: true };
      for await (const { stream, data } of orchestrator.runs.getLogs(request)) {
        parts.push(`${stream}:${Buffer.from(data).toString()}`);
      }
    })();
    const worker = orchestrator.worker({ run: () => undefined });
    const start = await eventually(() => worker.started.find((s) => s.attempt?.taskId === taskId));
    await eventually(() => logs.followed.has(`${taskId}/1/stdout`));
    logs.say(`${taskId}/1/stdout`, "out");
    logs.say(`${taskId}/1/stderr`, "err");
    await eventually(() => parts.length === 2);
    worker.finish(start, SUCCEEDED);
    logs.seal(taskId);
    await following;
    assert.deepEqual(parts.toSorted(), ["1:out", "2:err"]);
    for (const other of worker.attempts.values()) worker.finish(other, SUCCEEDED);
    await ended(orchestrator, run);
    await worker.stop();
  });
});

describe("the logs of an attempt that has ended", () => {
  let postgres: TestPostgres;
  let logs: FakeLogs;
  before(async () => {
    postgres = await startPostgres();
    logs = await startFakeLogs();
  });
  after(async () => {
    await logs.server.stop();
    await postgres.stop();
  });

  /** A run whose only task has ended, by an engine whose clock stands still. */
  async function endedTask(clock: FakeClock) {
    const config = { artifactsGrpc: `127.0.0.1:${logs.server.grpcPort}` };
    const orchestrator = await startOrchestrator(postgres, { config, overrides: { clock } });
    orchestrator.worker();
    const run = await createRun(orchestrator, single);
    await ended(orchestrator, run);
    const tasks = await tasksOf(orchestrator, run);
    const task = tasks.find(({ attempts }) => attempts.length > 0);
    assert(task !== undefined);
    return { orchestrator, request: { runId: run.id, taskId: task.id } };
  }

  async function textOf(parts: AsyncIterable<{ readonly data: Uint8Array }>): Promise<string> {
    let text = "";
    for await (const { data } of parts) text += Buffer.from(data).toString();
    return text;
  }

  it("are read when they are sealed, so that the last lines are there", async () => {
    const clock = fakeClock(Date.now());
    const { orchestrator, request } = await endedTask(clock);
    const stdout = `${request.taskId}/1/stdout`;
    logs.say(stdout, "first ");
    const reading = textOf(orchestrator.runs.getLogs(request));
    await eventually(() => logs.followed.has(stdout));
    logs.say(stdout, "last");
    logs.seal(request.taskId);
    assert.equal(await reading, "first last");
    await orchestrator.stop();
  });

  it("are not waited for when the time for sealing them is over", async () => {
    const clock = fakeClock(Date.now());
    const { orchestrator, request } = await endedTask(clock);
    logs.say(`${request.taskId}/1/stdout`, "never sealed");
    clock.advance(SEALED_WITHIN_MS);
    assert.equal(await textOf(orchestrator.runs.getLogs(request)), "never sealed");
    assert.deepEqual(
      [...logs.followed].filter((name) => name.startsWith(request.taskId)),
      [],
    );
    await orchestrator.stop();
  });

  it("come whole to who follows them afterwards", async () => {
    const { orchestrator, request } = await endedTask(fakeClock(Date.now()));
    const stdout = `${request.taskId}/1/stdout`;
    for (let line = 0; line < 50; line++) logs.say(stdout, `${line} `);
    logs.seal(request.taskId);
    const following = orchestrator.runs.getLogs({ ...request, follow: true });
    const lines = Array.from({ length: 50 }, (_, line) => `${line} `);
    assert.equal(await textOf(following), lines.join(""));
    await orchestrator.stop();
  });
});

async function take<Item>(stream: AsyncIterable<Item>, count: number): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) {
    items.push(item);
    if (items.length === count) break;
  }
  return items;
}

interface FakeLogs {
  readonly server: RpcServer;
  readonly followed: Set<string>;
  say(key: string, text: string): void;
  seal(taskId: string): void;
}

/** The log store as far as reading goes; `followed` are those that somebody waits for. */
async function startFakeLogs(): Promise<FakeLogs> {
  const lines = new Map<string, string[]>();
  const followed = new Set<string>();
  const sealed = new Set<string>();
  let changed = Promise.withResolvers<void>();
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  async function* readLog(
    { key, follow, tailBytes }: ReadLogRequest,
    { signal }: { signal: AbortSignal },
  ) {
    const name = `${key?.taskId}/${key?.attempt}/${key?.stream}`;
    if (follow) followed.add(name);
    signal.addEventListener("abort", wake);
    const known = lines.get(name)?.length ?? 0;
    for (let at = tailBytes > 0n ? known : 0; !signal.aborted; ) {
      const line = lines.get(name)?.[at];
      if (line !== undefined) {
        at += 1;
        yield { offset: 0n, data: new Uint8Array(Buffer.from(line)) };
      } else if (!follow || sealed.has(key?.taskId ?? "")) return;
      else await changed.promise;
    }
  }

  const server = createRpcServer({
    name: "logs",
    log: silentLogger,
    telemetry: createTelemetry({ service: "logs" }),
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    services: [
      bind(LogService, {
        readLog,
        appendLog: () => ({}),
        sealLog: () => ({}),
        listLogs: () => ({}),
      }),
    ],
  });
  await server.start();
  return {
    server,
    followed,
    say(key, text) {
      lines.set(key, [...(lines.get(key) ?? []), text]);
      wake();
    },
    seal(taskId) {
      sealed.add(taskId);
      wake();
    },
  };
}
