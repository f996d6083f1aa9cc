import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quantile } from "./quantile.ts";

export interface DiskSpeed {
  readonly fdatasync_p50_ms: number;
  readonly fdatasync_p99_ms: number;
}

const SYNCS = 200;
const BLOCK_BYTES = 8_192;

/** How long the disk takes to keep one block right now, as a database's log would ask it to. */
export function probeFdatasync(directory = tmpdir()): DiskSpeed {
  const folder = mkdtempSync(join(directory, "tidemill-probe-"));
  const file = openSync(join(folder, "block"), "w");
  const block = Buffer.alloc(BLOCK_BYTES, 1);
  try {
    const tookMs = Array.from({ length: SYNCS }, (_, index) => {
      const startMs = performance.now();
      writeSync(file, block, 0, BLOCK_BYTES, index * BLOCK_BYTES);
      fdatasyncSync(file);
      return performance.now() - startMs;
    });
    return {
      fdatasync_p50_ms: round(quantile(tookMs, 0.5)),
      fdatasync_p99_ms: round(quantile(tookMs, 0.99)),
    };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
