import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { InvalidError, NotFoundError, QuotaError, UnsupportedError } from "@tidemill/errors";
import { statement } from "@tidemill/postgres";
import { RunState, TaskState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { eventually, startPostgres, type TestPostgres } from "@tidemill/testing";
import { SUCCEEDED } from "./fake-worker.ts";
import {
  createRun,
  ended,
  specBytes,
  startOrchestrator,
  type TestOrchestrator,
  tasksOf,
} from "./helpers.ts";
import { input, parameter, pipelineDocument } from "./pipeline-builder.ts";

const single = pipelineDocument({ tasks: { only: {} } });
const wide = pipelineDocument({
  tasks: Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`t${index}`, {}])),
});
const withInput = pipelineDocument({
  tasks: { only: { parameters: { x: input("text") } } },
  inputs: { text: parameter("STRING") },
});
const withCount = pipelineDocument({
  tasks: { only: {} },
  inputs: { count: parameter("NUMBER_INTEGER") },
});

const selectNamespaces = statement<{ name: string; created_by: string }>(
  "test_namespaces",
  "select name, created_by from namespaces order by name",
);

describe("requests", () => {
  let postgres: TestPostgres;
  let orchestrator: TestOrchestrator;
  let blobs: Map<string, Buffer>;
  let blobServer: Server;

  before(async () => {
    postgres = await startPostgres();
    blobs = new Map();
    blobServer = await startBlobServer(blobs);
    const { port } = blobServer.address() as AddressInfo;
    const config = { artifactsHttp: `http://127.0.0.1:${port}` };
    orchestrator = await startOrchestrator(postgres, { config });
  });
  after(async () => {
    await orchestrator.stop();
    blobServer.close();
    await postgres.stop();
  });

  it("gives a repeated request its first answer, and refuses another one under its id", async () => {
    const first = await createRun(orchestrator, single, { requestId: "again", name: "one" });
    const second = await createRun(orchestrator, single, { requestId: "again", name: "one" });
    assert.deepEqual(second, first);
    await assert.rejects(
      createRun(orchestrator, single, { requestId: "again", name: "two" }),
      (error) => error instanceof InvalidError && error.reason === "REQUEST_ID_REUSED",
    );
  });

  it("makes one run of many requests under one id at one time", async () => {
    const runs = await Promise.all(
      Array.from({ length: 20 }, () => createRun(orchestrator, single, { requestId: "at once" })),
    );
    assert.equal(new Set(runs.map(({ id }) => id)).size, 1);
  });

  it("does not remember a request that failed", async () => {
    const request = { requestId: "failing", parametersJson: {} };
    await assert.rejects(createRun(orchestrator, withInput, request), InvalidError);
    const repaired = { requestId: "failing", parametersJson: { text: '"a"' } };
    assert.equal((await createRun(orchestrator, withInput, repaired)).state, RunState.RUNNING);
  });

  it("creates an unknown namespace when it is used first, and keeps it apart", async () => {
    const run = await createRun(orchestrator, single, { namespace: "kubeflow" });
    assert.equal(run.namespace, "kubeflow");
    await assert.rejects(orchestrator.runs.getRun({ id: run.id }), NotFoundError);
    const { rows } = await orchestrator.database.database.query(selectNamespaces);
    assert.deepEqual(rows.at(-1), { name: "kubeflow", created_by: "anonymous" });
    const { runs } = await orchestrator.runs.listRuns({ namespace: "kubeflow" });
    assert.deepEqual(
      runs.map(({ id }) => id),
      [run.id],
    );
  });

  it("ends what waits at once, and what runs once its worker says so, when terminated", async () => {
    const namespace = "terminate";
    const worker = orchestrator.worker({
      credits: 1,
      run: ({ attempt }) => (attempt?.namespace === namespace ? undefined : SUCCEEDED),
      onStop: ({ attemptId }, self) => {
        const start = self.attempts.get(attemptId);
        if (start !== undefined) self.finish(start, { state: 5 });
      },
    });
    await eventually(() => worker.attempts.size === 0 && worker.started.length > 0);
    const run = await createRun(orchestrator, wide, { namespace });
    const start = await eventually(() => worker.started.find((s) => s.attempt?.runId === run.id));
    const request = { namespace, id: run.id, requestId: "terminate" };
    const asked = await orchestrator.runs.terminateRun(request);
    assert.equal(asked.run?.state, RunState.CANCELING);
    assert.equal((await ended(orchestrator, run)).state, RunState.CANCELED);
    assert.equal(worker.stopped.at(-1)?.attemptId, start.attempt?.attemptId);
    assert.equal(worker.stopped.at(-1)?.graceMs, 10_000);
    assert.deepEqual(await orchestrator.runs.terminateRun(request), asked);
    const again = await orchestrator.runs.terminateRun({ namespace, id: run.id });
    assert.equal(again.run?.state, RunState.CANCELED);
    const states = new Set((await tasksOf(orchestrator, run)).map(({ state }) => state));
    assert.deepEqual([...states], [TaskState.CANCELED]);
    await eventually(() => worker.endedRuns.includes(run.id));
    await worker.stop();
  });

  it("lists runs and tasks in pages, whatever is added meanwhile", async () => {
    const namespace = "paging";
    const made: string[] = [];
    for (let index = 0; index < 7; index++) {
      made.unshift((await createRun(orchestrator, wide, { namespace })).id);
    }
    const listed: string[] = [];
    let pageToken = "";
    do {
      const page = await orchestrator.runs.listRuns({ namespace, pageSize: 3, pageToken });
      listed.push(...page.runs.map(({ id }) => id));
      pageToken = page.nextPageToken;
      if (listed.length === 3) await createRun(orchestrator, single, { namespace });
    } while (pageToken !== "");
    assert.deepEqual(listed, made);
    const runId = made[0] ?? "";
    const tasks = [];
    do {
      const page = await orchestrator.runs.listTasks({ namespace, runId, pageSize: 10, pageToken });
      tasks.push(...page.tasks);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    assert.equal(tasks.length, 26);
    const seen = new Set([""]);
    for (const task of tasks) {
      assert(seen.has(task.parentTaskId), "parents come before children");
      seen.add(task.id);
    }
    const filtered = await orchestrator.runs.listRuns({ namespace, states: [RunState.FAILED] });
    assert.deepEqual(filtered.runs, []);
  });

  it("refuses a page token of another list", async () => {
    const page = await orchestrator.runs.listRuns({ namespace: "paging", pageSize: 1 });
    const pageToken = page.nextPageToken;
    for (const list of [
      () => orchestrator.runs.listRuns({ pageToken }),
      () => orchestrator.pipelines.listPipelines({ namespace: "paging", pageToken }),
      () =>
        orchestrator.runs.listRuns({ namespace: "paging", pageToken: `B${pageToken.slice(1)}` }),
      () => orchestrator.runs.listRuns({ pageToken: "no token" }),
    ]) {
      await assert.rejects(list(), (error) => error instanceof InvalidError);
    }
  });

  it("keeps pipelines, their versions, and runs of them", async () => {
    const source = { source: { case: "spec", value: specBytes(withInput) } } as const;
    const request = { namespace: "pipelines", requestId: "upload", name: "mine", source };
    const uploaded = await orchestrator.pipelines.uploadPipeline(request);
    assert.deepEqual(await orchestrator.pipelines.uploadPipeline(request), uploaded);
    await assert.rejects(
      orchestrator.pipelines.uploadPipeline({ ...request, requestId: "" }),
      /pipeline "mine" already exists/,
    );
    const { namespace } = request;
    const pipelineId = uploaded.pipeline?.id ?? "";
    const { version } = await orchestrator.pipelines.uploadPipelineVersion({
      namespace,
      pipelineId,
      name: "second",
      source,
    });
    const { versions } = await orchestrator.pipelines.listPipelineVersions({
      namespace,
      pipelineId,
    });
    assert.deepEqual(
      versions.map(({ name }) => name),
      ["second", "v1"],
    );
    const unnamed = () =>
      orchestrator.pipelines.uploadPipelineVersion({ namespace, pipelineId, source });
    const [one, other] = await Promise.all([unnamed(), unnamed()]);
    assert.deepEqual([one.version?.name, other.version?.name].sort(), ["v3", "v4"]);
    await assert.rejects(
      orchestrator.pipelines.uploadPipelineVersion({ namespace, pipelineId, name: "v3", source }),
      /pipeline version "v3" already exists/,
    );
    const id = version?.id ?? "";
    const found = await orchestrator.pipelines.getPipelineVersion({
      namespace,
      id,
      includeSpec: true,
    });
    assert.deepEqual(Buffer.from(found.spec), Buffer.from(specBytes(withInput)));
    assert.deepEqual(
      found.parameters.map(({ name, type, optional }) => ({ name, type, optional })),
      [{ name: "text", type: "STRING", optional: false }],
    );
    const { run } = await orchestrator.runs.createRun({
      namespace,
      pipeline: { case: "pipelineVersionId", value: id },
      parametersJson: { text: '"given"' },
    });
    assert.equal(run?.pipelineVersionId, id);
    assert.equal(run?.parametersJson.text, '"given"');
    const byName = { key: { case: "name", value: "mine" } } as const;
    const { pipeline } = await orchestrator.pipelines.getPipeline({ namespace, ...byName });
    assert.deepEqual(pipeline, uploaded.pipeline);
  });

  it("takes a specification by its digest, and large values by blobs", async () => {
    const bytes = Buffer.from(specBytes(withInput));
    const digest = createHash("sha256").update(bytes).digest("hex");
    blobs.set(`blobs/${digest}`, bytes);
    const validated = await orchestrator.pipelines.validatePipeline({
      namespace: "blobs",
      source: { source: { case: "specDigest", value: digest } },
    });
    assert.equal(validated.parameters.length, 1);
    const text = JSON.stringify("x".repeat(70_000));
    const { run } = await orchestrator.runs.createRun({
      namespace: "blobs",
      pipeline: {
        case: "source",
        value: { source: { case: "specDigest", value: digest } },
      },
      parametersJson: { text },
    });
    assert(run !== undefined);
    assert.equal(run.specDigest, digest);
    const { blobDigest, sizeBytes } = run.largeParameters.text ?? {};
    assert.equal(blobs.get(`blobs/${blobDigest}`)?.toString(), text);
    assert.equal(sizeBytes, BigInt(text.length));
    const worker = orchestrator.worker({ workerId: "blobs" });
    await ended(orchestrator, run);
    const start = worker.started.find(({ attempt }) => attempt?.runId === run.id);
    const value = start?.inputParameters.x?.value;
    assert(value?.case === "blob");
    // Where the worker looks, which reads blobs of the run's namespace alone.
    assert.equal(blobs.get(`blobs/${value.value.digest}`)?.toString(), text);
    await worker.stop();
  });

  it("says what is wrong with a blob", async () => {
    const create = (value: string) =>
      orchestrator.runs.createRun({
        pipeline: { case: "source", value: { source: { case: "specDigest", value } } },
      });
    await assert.rejects(create("0".repeat(64)), (error) => {
      return error instanceof InvalidError && error.reason === "BLOB_NOT_FOUND";
    });
    blobs.set(`default/${"1".repeat(64)}`, Buffer.from("something else"));
    await assert.rejects(create("1".repeat(64)), /came with other bytes/);
  });

  const bad: readonly [string, () => Promise<unknown>, new (...args: never[]) => Error, RegExp][] =
    [
      ["broken YAML", () => raw("a: [b"), InvalidError, /line 1/],
      ["no pipeline at all", () => raw("hello"), InvalidError, /./],
      ["an empty specification", () => raw(""), InvalidError, /./],
      [
        "a wrong schema version",
        () => createRun(orchestrator, { ...single, schemaVersion: "9.9.9" }),
        InvalidError,
        /9\.9\.9/,
      ],
      [
        "an unknown component",
        () => createRun(orchestrator, pipelineDocument({ tasks: { a: { component: "no" } } })),
        InvalidError,
        /no/,
      ],
      [
        "a cycle",
        () =>
          createRun(
            orchestrator,
            pipelineDocument({ tasks: { a: { after: ["b"] }, b: { after: ["a"] } } }),
          ),
        InvalidError,
        /a.*b.*a/,
      ],
      ["a missing parameter", () => createRun(orchestrator, withInput), InvalidError, /text/],
      [
        "a wrong type",
        () => createRun(orchestrator, withCount, { parametersJson: { count: '"seven"' } }),
        InvalidError,
        /count.*seven/,
      ],
      [
        "a parameter that is no JSON",
        () => createRun(orchestrator, withInput, { parametersJson: { text: "{" } }),
        InvalidError,
        /JSON/,
      ],
      [
        "an unknown parameter",
        () => createRun(orchestrator, single, { parametersJson: { y: "1" } }),
        InvalidError,
        /y/,
      ],
      [
        "a name too long",
        () => createRun(orchestrator, single, { name: "n".repeat(200) }),
        InvalidError,
        /name/,
      ],
      [
        "a namespace that is no DNS label",
        () => createRun(orchestrator, single, { namespace: "Not A Label" }),
        InvalidError,
        /DNS label/,
      ],
      [
        "a pipeline root that is no address",
        () => createRun(orchestrator, single, { pipelineRoot: "nowhere" }),
        InvalidError,
        /nowhere/,
      ],
      [
        "an unknown version",
        () =>
          orchestrator.runs.createRun({
            pipeline: { case: "pipelineVersionId", value: "not a version" },
          }),
        NotFoundError,
        /not a version/,
      ],
      [
        "an unknown run",
        () => orchestrator.runs.terminateRun({ id: "0199c0de-0000-7000-8000-000000000000" }),
        NotFoundError,
        /0199c0de/,
      ],
      ["a run id that is none", () => orchestrator.runs.getRun({ id: "x" }), NotFoundError, /"x"/],
    ];
  for (const [name, call, type, says] of bad) {
    it(`refuses ${name}`, async () => {
      await assert.rejects(call(), (error) => {
        assert(error instanceof type, `${String(error)} is no ${type.name}`);
        assert.match(error.message, says);
        assert(!(error instanceof QuotaError) && !(error instanceof UnsupportedError));
        return true;
      });
    });
  }

  it("runs names of any script", async () => {
    const worker = orchestrator.worker({ workerId: "unicode" });
    const name = "прогноз 予測 🌊";
    const run = await createRun(orchestrator, single, { namespace: "unicode", name });
    assert.equal(run.name, name);
    assert.equal((await ended(orchestrator, run)).state, RunState.SUCCEEDED);
    await worker.stop();
  });

  async function raw(text: string): Promise<unknown> {
    const value = new Uint8Array(Buffer.from(text));
    return await orchestrator.runs.createRun({
      pipeline: { case: "source", value: { source: { case: "spec", value } } },
    });
  }
});

/** What the orchestrator uses of the artifact service's HTTP routes: blobs by namespace/digest. */
async function startBlobServer(blobs: Map<string, Buffer>): Promise<Server> {
  const server = createServer((request, response) => {
    const namespace = request.headers["x-tidemill-namespace"] ?? "default";
    const key = `${namespace}/${request.url?.split("/").at(-1)}`;
    if (request.method !== "PUT") {
      const found = blobs.get(key);
      response.statusCode = found === undefined ? 404 : 200;
      response.end(found);
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      blobs.set(key, Buffer.concat(chunks));
      response.statusCode = 201;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
