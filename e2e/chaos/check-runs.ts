import {
  AttemptState,
  RunState,
  type Task,
  TaskState,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { createMeshClient } from "@tidemill/rpc/client";
import type { TestMesh } from "../src/test-mesh.ts";
import type { ExpectedRun } from "./workload.ts";

export interface RunsReport {
  readonly tasks: number;
  readonly attemptsLost: number;
  readonly violations: readonly string[];
}

const PAGE_SIZE = 200;

/**
 * Every run that was asked for is there once and has its right answer; every task succeeded with
 * exactly one attempt, its last one; no attempt was ever started twice under one number.
 */
export async function checkRuns(
  mesh: TestMesh,
  expected: readonly ExpectedRun[],
): Promise<RunsReport> {
  const client = createMeshClient(RunService, {
    address: `127.0.0.1:${mesh.ports.orchestratorGrpc}`,
  });
  try {
    const violations: string[] = [];
    const names: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await client.listRuns({ pageSize: PAGE_SIZE, pageToken });
      names.push(...page.runs.map((run) => run.name));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    if (names.length !== expected.length || new Set(names).size !== names.length) {
      violations.push(`${expected.length} runs were asked for, ${names.length} are there`);
    }
    let tasks = 0;
    let attemptsLost = 0;
    for (const wanted of expected) {
      if (wanted.id === undefined) continue;
      const { run } = await client.getRun({ id: wanted.id });
      const output = run?.outputParametersJson.Output;
      if (run?.state !== RunState.SUCCEEDED || output !== wanted.output) {
        const found = `state ${run?.state}, output ${output}, ${run?.error?.message ?? "no error"}`;
        violations.push(`run ${wanted.id} should have given ${wanted.output}: ${found}`);
      }
      const listed = await client.listTasks({ runId: wanted.id, pageSize: 1000 });
      tasks += listed.tasks.length;
      for (const task of listed.tasks) {
        attemptsLost += task.attempts.filter(({ state }) => state === AttemptState.LOST).length;
        violations.push(...checkTask(task));
      }
    }
    return { tasks, attemptsLost, violations };
  } finally {
    client.close();
  }
}

function checkTask(task: Task): string[] {
  const violations: string[] = [];
  const where = `task ${task.path} of run ${task.runId}`;
  if (task.state !== TaskState.SUCCEEDED) {
    violations.push(`${where} is ${task.state}: ${task.error?.message ?? "no error"}`);
  }
  const numbers = task.attempts.map((attempt) => attempt.number);
  if (numbers.some((number, index) => number !== index + 1)) {
    violations.push(`${where} has attempts ${numbers.join(", ")}`);
  }
  const succeeded = task.attempts.filter(({ state }) => state === AttemptState.SUCCEEDED);
  if (
    task.attempts.length > 0 &&
    (succeeded.length !== 1 || task.attempts.at(-1) !== succeeded[0])
  ) {
    violations.push(
      `${where} has ${succeeded.length} attempts that succeeded, or not the last one`,
    );
  }
  return violations;
}
