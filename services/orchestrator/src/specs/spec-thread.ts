import { parentPort, workerData } from "node:worker_threads";
import type { SpecPurpose } from "../domain/parse-spec.ts";
import { readSpec } from "./read-spec.ts";

/** What the thread is started with. */
export interface SpecThreadData {
  readonly bytes: Uint8Array;
  readonly purpose: SpecPurpose;
}

// The thread that reads a large file: one file in, one result out.
const { bytes, purpose }: SpecThreadData = workerData;
parentPort?.postMessage(readSpec(bytes, purpose));
