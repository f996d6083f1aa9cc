import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isRetriable, messageOf } from "@tidemill/errors";
import { wait } from "@tidemill/lifecycle";
import { RunState } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { RunService } from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { createMeshClient } from "@tidemill/rpc/client";
import { pipelines } from "../src/journeys.ts";
import { root } from "../src/root.ts";
import type { SeededRandom } from "../src/seeded-random.ts";
import type { TestMesh } from "../src/test-mesh.ts";

/** A run whose end is known in advance. */
export interface ExpectedRun {
  readonly requestId: string;
  readonly pipeline: keyof typeof pipelines;
  readonly parametersJson: Readonly<Record<string, string>>;
  /** JSON of the pipeline's `Output`. */
  readonly output: string;
  id: string | undefined;
}

export interface Workload {
  /** Keeps that many runs going until closed; resolves when the last has ended. */
  run(inFlight: number): Promise<void>;
  close(): void;
  submitted(): readonly ExpectedRun[];
  violations(): readonly string[];
}

const RETRY_MS = 200;
/** A run that has not ended this long after all was well again is lost. */
const RUN_TIMEOUT_MS = 180_000;
const CALL_TIMEOUT_MS = 5_000;

export function createWorkload(mesh: TestMesh, options: { random: SeededRandom }): Workload {
  const { random } = options;
  const client = createMeshClient(RunService, {
    address: `127.0.0.1:${mesh.ports.orchestratorGrpc}`,
  });
  const expected: ExpectedRun[] = [];
  const violations: string[] = [];
  let isOpen = true;

  /** What is retriable is tried again under the same request id, as any client would. */
  async function insist<T>(what: string, call: () => Promise<T>): Promise<T> {
    const deadline = AbortSignal.timeout(RUN_TIMEOUT_MS);
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isRetriable(error)) throw new Error(`${what}: ${messageOf(error)}`, { cause: error });
        if (!(await wait(RETRY_MS, deadline))) {
          throw new Error(`${what} did not work in time: ${messageOf(error)}`, { cause: error });
        }
      }
    }
  }

  async function oneRun(): Promise<void> {
    const run = planRun(random, expected.length);
    expected.push(run);
    const spec = readFileSync(join(root, pipelines[run.pipeline]));
    const created = await insist(`create ${run.requestId}`, () =>
      client.createRun(
        {
          requestId: run.requestId,
          name: run.requestId,
          pipeline: { case: "source", value: { source: { case: "spec", value: spec } } },
          parametersJson: { ...run.parametersJson },
        },
        { timeoutMs: CALL_TIMEOUT_MS },
      ),
    );
    const id = created.run?.id ?? "";
    run.id = id;
    const deadline = AbortSignal.timeout(RUN_TIMEOUT_MS);
    for (;;) {
      const answer = await insist(`get ${id}`, () =>
        client.getRun({ id }, { timeoutMs: CALL_TIMEOUT_MS }),
      );
      const state = answer.run?.state;
      if (state === RunState.SUCCEEDED || state === RunState.FAILED) return;
      if (!(await wait(RETRY_MS, deadline))) throw new Error(`run ${id} never ended`);
    }
  }

  return {
    async run(inFlight) {
      const lane = async () => {
        while (isOpen) await oneRun().catch((error) => violations.push(messageOf(error)));
      };
      await Promise.all(Array.from({ length: inFlight }, lane));
      client.close();
    },
    close() {
      isOpen = false;
    },
    submitted: () => expected,
    violations: () => violations,
  };
}

function planRun(random: SeededRandom, number: number): ExpectedRun {
  const requestId = `chaos-${number}`;
  if (random.next() < 0.3) {
    const tenths = random.between(5, 30);
    const lines = Math.max(Math.floor((tenths / 10) * 5), 1);
    return {
      requestId,
      pipeline: "slow",
      parametersJson: { seconds: String(tenths / 10) },
      output: String(lines * 2),
      id: undefined,
    };
  }
  const start = random.between(0, 100);
  const sum = start ** 2 + (start + 1) ** 2 + (start + 2) ** 2;
  return {
    requestId,
    pipeline: "sumOfSquares",
    parametersJson: { start: String(start), seconds: String(random.between(0, 10) / 10) },
    output: String(2 * sum),
    id: undefined,
  };
}
