import { parentPort, workerData } from "node:worker_threads";
import { readSpec } from "./read-spec.ts";

// The thread that loadSpec starts for a large file: one file in, one result out.
parentPort?.postMessage(readSpec(workerData));
