import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "@tidemill/testing";
import { checkJournals } from "../src/check-journals.ts";
import { findProcesses } from "../src/find-processes.ts";
import { ended, outputOf, pipelines, printed, submit } from "../src/journeys.ts";
import { startTestMesh, type TestMesh } from "../src/test-mesh.ts";

const GONE_TIMEOUT_MS = 5_000;
const RESTART_TIMEOUT_MS = 20_000;

describe("a mesh whose processes are killed", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startTestMesh();
  });
  after(() => mesh.stop());

  const kill = (name: string) => {
    const pid = mesh.pids()[name];
    assert.ok(pid, `no ${name} in ${JSON.stringify(mesh.pids())}`);
    process.kill(pid, "SIGKILL");
    return pid;
  };
  const replaced = (name: string, pid: number) =>
    eventually(() => mesh.pids()[name] !== pid && mesh.pids()[name] !== undefined, {
      timeoutMs: RESTART_TIMEOUT_MS,
    });

  it("a second start on the same home names the first", async () => {
    const second = await mesh.cli(["up"]);
    assert.equal(second.exitCode, 3);
    assert.match(second.stderr, new RegExp(`\\b${mesh.pids().supervisor}\\b`));
  });

  it("a start on taken ports names who holds them and an offset that is free", async () => {
    const other = await mesh.cli(["--home", `${mesh.home}-other`, "up"]);
    assert.equal(other.exitCode, 3);
    assert.match(other.stderr, /port \d+ .*process \d+ .*--port-offset \d+/s);
  });

  it("a task outlives the orchestrator, and its result counts", async () => {
    const id = await submit(mesh, pipelines.slow, { seconds: 6, marker: "outlives" });
    const first = await printed(mesh, id, "count", /pid \d+ outlives/);
    await replaced("orchestrator", kill("orchestrator"));
    await mesh.serving();
    const document = await ended(mesh, id, "SUCCEEDED");
    assert.equal(outputOf(document, "Output"), 60);
    const logs = await mesh.cli(["run", "logs", id, "count"]);
    assert.deepEqual(logs.stdout.match(/pid \d+ outlives/g), [first], "it ran once");
  });

  it("a killed worker takes its tasks along; they are run again", async () => {
    const marker = `again-${process.pid}`;
    const id = await submit(mesh, pipelines.slow, { seconds: 4, marker });
    const pid = Number(/\d+/.exec(await printed(mesh, id, "count", /pid \d+ again/))?.[0]);
    const worker = kill("worker");
    await eventually(() => !isAlive(pid), { timeoutMs: GONE_TIMEOUT_MS });
    await replaced("worker", worker);
    const document = await ended(mesh, id, "SUCCEEDED");
    assert.equal(outputOf(document, "Output"), 40);
  });

  it("kill -9 of the supervisor leaves nothing, and the next start loses nothing", async () => {
    const marker = `supervisor-${process.pid}`;
    const slow = await submit(mesh, pipelines.slow, { seconds: 5 });
    const runaway = await submit(mesh, pipelines.runaway, { marker });
    await printed(mesh, runaway, "escape", /escaped/);
    await printed(mesh, slow, "count", /line 1/);
    kill("supervisor");
    const homeText = `TIDEMILL_HOME=${mesh.home}`;
    await eventually(
      () => findProcesses(homeText).length === 0 && findProcesses(marker).length === 0,
      { timeoutMs: GONE_TIMEOUT_MS + 1000 },
    );
    await mesh.restart();
    assert.equal(outputOf(await ended(mesh, slow, "SUCCEEDED"), "Output"), 50);
    assert.equal((await mesh.cli(["run", "terminate", runaway])).exitCode, 0);
    await ended(mesh, runaway, "CANCELED");
  });

  it("the journal of every run still folds into its rows", async () => {
    assert.equal(await checkJournals(mesh), undefined);
  });

  it("Ctrl-C stops everything and ends with 0; the run resumes at the next start", async () => {
    const id = await submit(mesh, pipelines.slow, { seconds: 4 });
    await printed(mesh, id, "count", /line 1/);
    const result = await mesh.stop();
    assert.equal(result?.exitCode, 0, result?.stderr);
    assert.deepEqual(findProcesses(`TIDEMILL_HOME=${mesh.home}`), []);
    const away = await mesh.cli(["run", "list"]);
    assert.equal(away.exitCode, 3);
    assert.match(away.stderr, /npx tidemill up/);
    await mesh.restart();
    assert.equal(outputOf(await ended(mesh, id, "SUCCEEDED"), "Output"), 40);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process.
    return false;
  }
}
