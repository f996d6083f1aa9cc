import { wait } from "@tidemill/lifecycle";
import { checkJournals } from "../src/check-journals.ts";
import { seededRandom } from "../src/seeded-random.ts";
import { startTestMesh, type TestMesh } from "../src/test-mesh.ts";
import { checkEvents } from "./check-events.ts";
import { checkRuns } from "./check-runs.ts";
import { type Fault, planFault } from "./faults.ts";
import { createWorkload } from "./workload.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Where the mesh keeps everything, to be looked at afterwards; a temporary directory without. */
  readonly home?: string;
  readonly print: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly runs: number;
  readonly tasks: number;
  readonly attemptsLost: number;
  readonly events: number;
  /** What did not hold, each a sentence; empty when all is well. */
  readonly violations: readonly string[];
}

const RUNS_IN_FLIGHT = 4;
const PAUSE_BETWEEN_MS = { from: 1500, to: 5000 };

/**
 * Runs pipelines whose answers are known while processes of the mesh are killed (SIGKILL) or
 * stopped for a while (SIGSTOP); then waits for every run and checks what must hold whatever
 * happened.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const mesh = await startTestMesh(options.home === undefined ? {} : { home: options.home });
  try {
    return await disturb(mesh, options);
  } finally {
    await mesh.stop();
  }
}

async function disturb(mesh: TestMesh, options: ChaosOptions): Promise<ChaosReport> {
  const random = seededRandom(options.seed);
  const workload = createWorkload(mesh, { random: seededRandom(random.between(1, 1 << 30)) });
  const working = workload.run(RUNS_IN_FLIGHT);
  const faults: Record<string, number> = {};
  const deadline = AbortSignal.timeout(options.durationMs);
  while (await wait(random.between(PAUSE_BETWEEN_MS.from, PAUSE_BETWEEN_MS.to), deadline)) {
    const fault: Fault = planFault(random);
    if (!(await fault.inject(mesh))) continue;
    faults[fault.name] = (faults[fault.name] ?? 0) + 1;
    options.print(`${fault.name}, ${workload.submitted().length} runs so far`);
  }
  workload.close();
  await mesh.serving();
  await working;
  const runs = await checkRuns(mesh, workload.submitted());
  const events = await checkEvents(mesh);
  const journals = await checkJournals(mesh);
  return {
    seed: options.seed,
    faults,
    runs: workload.submitted().length,
    tasks: runs.tasks,
    attemptsLost: runs.attemptsLost,
    events: events.events,
    violations: [
      ...workload.violations(),
      ...runs.violations,
      ...events.violations,
      ...(journals === undefined ? [] : [journals]),
    ],
  };
}
