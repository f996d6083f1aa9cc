import { readdirSync } from "node:fs";
import { probeFdatasync } from "./fdatasync-probe.ts";

/** One figure: what was measured, and its value or values. */
export type Figure = Record<string, unknown>;
export type Emit = (figure: Figure) => void;

const PROBE_AGE_MS_MAX = 60_000;
/** Files here that are no bench. A worker's or server's half of one ends in `-process.ts`. */
const machinery = new Set(["bench", "fdatasync-probe", "quantile"]);

/** `node bench/src/bench.ts NAME`: one JSON line a figure on standard output. */
async function main(name: string | undefined): Promise<number> {
  const names = benchNames();
  if (name === undefined || !names.includes(name)) {
    process.stderr.write(
      `usage: npm run bench -- NAME, where NAME is one of ${names.join(", ")}\n`,
    );
    return name === undefined ? 0 : 2;
  }
  const { run }: { run: (emit: Emit) => Promise<void> } = await import(`./${name}.ts`);
  let disk = probeFdatasync();
  let probedMs = performance.now();
  await run((figure) => {
    if (performance.now() - probedMs > PROBE_AGE_MS_MAX) {
      disk = probeFdatasync();
      probedMs = performance.now();
    }
    process.stdout.write(`${JSON.stringify({ bench: name, ...figure, ...disk })}\n`);
  });
  return 0;
}

function benchNames(): readonly string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith(".ts") && !/(\.test|-process)\.ts$/.test(file))
    .map((file) => file.slice(0, -".ts".length))
    .filter((file) => !machinery.has(file));
}

process.exitCode = await main(process.argv[2]);
