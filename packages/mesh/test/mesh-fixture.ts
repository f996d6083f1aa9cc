import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempDir, tools } from "@tidemill/testing";
import type { StartMeshOptions } from "../src/supervisor/start-mesh.ts";

const fake = fileURLToPath(new URL("fixtures/fake-service.ts", import.meta.url));
/** Above a real mesh, and below the ports that the kernel gives to outgoing connections. */
const OFFSET_MIN = 11_000;
const OFFSET_SPAN = 12_000;

/** Any offset: files that run at the same time hardly ever meet. */
export function randomOffset(): number {
  return OFFSET_MIN + Math.floor(Math.random() * OFFSET_SPAN);
}

export function environment(): Record<string, string> {
  const entries = Object.entries(process.env);
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

/** Options of a mesh whose services only serve their health, in a home of its own. */
export async function fakeMesh(home = join(tempDir("mesh"), "home")): Promise<StartMeshOptions> {
  return {
    home,
    portOffset: randomOffset(),
    env: environment(),
    entries: { artifacts: fake, orchestrator: fake, worker: fake },
    tools: await tools(),
  };
}

/** Every process of this machine that carries the home in its environment. */
export function processesOf(home: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/environ`))
    .filter((pid) => readEnviron(pid).includes(`TIDEMILL_HOME=${home}`))
    .map(Number);
}

function readEnviron(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // It ended meanwhile.
    return [];
  }
}
