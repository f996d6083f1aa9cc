import { wait } from "@tidemill/lifecycle";
import type { SeededRandom } from "../src/seeded-random.ts";
import type { TestMesh } from "../src/test-mesh.ts";

/** Something that happens to a process of the mesh. */
export interface Fault {
  /** `kill orchestrator`, `pause worker 1200 ms`. */
  readonly name: string;
  /** False when the process was not there to be hit. */
  inject(mesh: TestMesh): Promise<boolean>;
}

const victims = ["orchestrator", "worker", "artifacts", "postgres", "nats"] as const;
const pausable = ["orchestrator", "worker"] as const;
const PAUSE_SHARE = 0.2;
const PAUSE_MS_MAX = 3000;

export function planFault(random: SeededRandom): Fault {
  if (random.next() < PAUSE_SHARE) {
    const victim = random.pick(pausable);
    const pauseMs = random.between(200, PAUSE_MS_MAX);
    return { name: `pause ${victim}`, inject: (mesh) => pause(mesh, victim, pauseMs) };
  }
  const victim = random.pick(victims);
  return { name: `kill ${victim}`, inject: async (mesh) => send(mesh, victim, "SIGKILL") };
}

/** A process that stood still must not act on what it believed before. */
async function pause(mesh: TestMesh, victim: string, pauseMs: number): Promise<boolean> {
  const pid = mesh.pids()[victim];
  if (!send(mesh, victim, "SIGSTOP")) return false;
  await wait(pauseMs);
  if (pid !== undefined) signal(pid, "SIGCONT");
  return true;
}

function send(mesh: TestMesh, victim: string, name: NodeJS.Signals): boolean {
  const pid = mesh.pids()[victim];
  return pid !== undefined && signal(pid, name);
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    // It was hit already and is being replaced.
    return false;
  }
}
