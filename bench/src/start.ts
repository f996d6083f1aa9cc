import { pipelines, runCommand, startTestMesh, type TestMesh, tidemillBin } from "@tidemill/e2e";
import type { Emit } from "./bench.ts";
import { median } from "./quantile.ts";

const ROUNDS = 3;
const COMMANDS = 15;

/**
 * How long a person waits: from `tidemill up` on a home that has started before until everything
 * serves, then for the demo, then for the demo again; and for the command line by itself, beyond a
 * bare `node -e 0`.
 */
export async function run(emit: Emit): Promise<void> {
  const mesh = await startTestMesh();
  await demoMs(mesh);
  await mesh.stop();
  const serving: number[] = [];
  const first: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    await mesh.restart();
    serving.push(performance.now() - startedMs);
    first.push(await demoMs(mesh));
    again.push(await demoMs(mesh));
    if (round < ROUNDS - 1) await mesh.stop();
  }
  emitMedian(emit, "serving_ms", serving);
  emitMedian(emit, "demo_ms", first);
  emitMedian(emit, "demo_again_ms", again);
  const bare = await commandMs(() => runCommand([process.execPath, "-e", "0"]));
  const help = await commandMs(() => runCommand([process.execPath, tidemillBin, "--help"]));
  const list = await commandMs(() => mesh.cli(["run", "list"]));
  emit({ figure: "help_beyond_node_ms", value: Math.round(help - bare) });
  emit({ figure: "run_list_beyond_node_ms", value: Math.round(list - bare) });
  await mesh.stop();
}

async function demoMs(mesh: TestMesh): Promise<number> {
  const result = await mesh.cli(["run", "submit", pipelines.demo, "--wait"]);
  if (result.exitCode !== 0) throw new Error(`the demo failed: ${result.stderr}`);
  return result.tookMs;
}

async function commandMs(run: () => Promise<{ readonly tookMs: number }>): Promise<number> {
  const tookMs: number[] = [];
  for (let round = 0; round < COMMANDS; round++) tookMs.push((await run()).tookMs);
  return median(tookMs);
}

function emitMedian(emit: Emit, figure: string, values: readonly number[]): void {
  emit({ figure, value: Math.round(median(values)), all: values.map(Math.round) });
}
