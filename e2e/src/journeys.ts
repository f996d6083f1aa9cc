import assert from "node:assert/strict";
import { eventually } from "@tidemill/testing";
import type { Json, TestMesh } from "./test-mesh.ts";

/** Steps that several journeys share. */
export const pipelines = {
  demo: "examples/simple-ml-workflow/pipeline.yaml",
  paths: "examples/simple-ml-workflow-paths/pipeline.yaml",
  chain: "e2e/pipelines/chain/pipeline.yaml",
  handover: "e2e/pipelines/handover/pipeline.yaml",
  slow: "e2e/pipelines/slow/pipeline.yaml",
  sumOfSquares: "e2e/pipelines/sum-of-squares/pipeline.yaml",
  halfBroken: "e2e/pipelines/half-broken/pipeline.yaml",
  runaway: "e2e/pipelines/runaway/pipeline.yaml",
} as const;

const RUN_TIMEOUT_MS = 120_000;
const POLL_MS = 150;

/** Submits without waiting and returns the run's id. */
export async function submit(
  mesh: TestMesh,
  file: string,
  parameters: Readonly<Record<string, string | number>> = {},
): Promise<string> {
  const args = Object.entries(parameters).flatMap(([name, value]) => ["-p", `${name}=${value}`]);
  const run = await mesh.json(["run", "submit", file, ...args]);
  return run.id;
}

/** Everything known about a run once it has ended in a state. */
export async function ended(mesh: TestMesh, runId: string, state: string): Promise<Json> {
  return eventually(
    async () => {
      const document = await mesh.json(["run", "get", runId]);
      if (!/_(SUCCEEDED|FAILED|CANCELED)$/.test(document.run.state)) return undefined;
      const errors = document.tasks.map((task: Json) => `${task.path}: ${task.error?.message}`);
      assert.equal(document.run.state, `RUN_STATE_${state}`, errors.join("\n"));
      return document;
    },
    { timeoutMs: RUN_TIMEOUT_MS, pollMs: POLL_MS },
  );
}

/** Waits until a task of a run has printed a line that matches. */
export async function printed(
  mesh: TestMesh,
  runId: string,
  task: string,
  pattern: RegExp,
): Promise<string> {
  return eventually(
    async () => {
      const result = await mesh.cli(["run", "logs", runId, task]);
      return pattern.exec(result.stdout)?.[0];
    },
    { timeoutMs: RUN_TIMEOUT_MS, pollMs: POLL_MS },
  );
}

export function taskOf(document: Json, path: string): Json {
  const task = document.tasks.find((candidate: Json) => candidate.path === path);
  assert.ok(task, `no task ${path} in ${document.tasks.map((entry: Json) => entry.path)}`);
  return task;
}

export function outputOf(document: Json, name: string): Json {
  return JSON.parse(document.run.outputParametersJson[name]);
}
