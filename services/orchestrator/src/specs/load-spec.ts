import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { assertNever, InvalidError, QuotaError, UnsupportedError } from "@tidemill/errors";
import type { PipelineSpec } from "../domain/ir.ts";
import type { Warning } from "../domain/journal-event.ts";
import { SPEC_BYTES_MAX } from "../domain/limits.ts";
import type { SpecPurpose } from "../domain/parse-spec.ts";
import { readSpec, type SpecResult } from "./read-spec.ts";
import type { SpecThreadData } from "./spec-thread.ts";

export interface LoadedSpec {
  readonly spec: PipelineSpec;
  readonly pipelineName: string;
  readonly warnings: readonly Warning[];
  /** SHA-256 of the bytes, lower-case hex. */
  readonly digest: string;
}

/** Above this many bytes a file is read on another thread. */
export const OFF_THREAD_BYTES_MIN = 1024 * 1024;

/** Threads that read specifications at one time; more calls wait. */
const SPEC_THREADS_MAX = 2;

/** Calls that wait for one of them, each with its file in memory. */
export const SPECS_WAITING_MAX = 16;

/** Memory of such a thread. */
const THREAD_MEMORY_MIB_MAX = 4096;

/**
 * Reads a compiled pipeline, YAML or JSON, and checks that it can run here. Throws InvalidError,
 * UnsupportedError or QuotaError, with the path and the line of what is wrong.
 */
export function loadSpec(bytes: Uint8Array): Promise<LoadedSpec> {
  return load(bytes, "new");
}

/**
 * Reads the specification of a run that was created, so that the run can go on. What loadSpec has
 * come to refuse since then is no reason to give it up; only what cannot be read at all is.
 */
export function loadAcceptedSpec(bytes: Uint8Array): Promise<LoadedSpec> {
  return load(bytes, "accepted");
}

async function load(bytes: Uint8Array, purpose: SpecPurpose): Promise<LoadedSpec> {
  if (bytes.length > SPEC_BYTES_MAX) {
    throw new QuotaError(
      "SPEC_TOO_LARGE",
      `the file has ${bytes.length} bytes, more than ${SPEC_BYTES_MAX} (SPEC_BYTES_MAX)`,
    );
  }
  const isSmall = bytes.length < OFF_THREAD_BYTES_MIN;
  const result = isSmall ? readSpec(bytes, purpose) : await readOffThread(bytes, purpose);
  switch (result.kind) {
    case "ok": {
      const digest = createHash("sha256").update(bytes).digest("hex");
      const { spec, warnings } = result;
      return { spec, pipelineName: spec.name, warnings, digest };
    }
    case "invalid":
      throw new InvalidError(result.reason, result.message, result.violations);
    case "unsupported":
      throw new UnsupportedError(result.feature, result.message);
    default:
      return assertNever(result, "result of reading a specification");
  }
}

let threads = 0;
const waiting: (() => void)[] = [];

async function readOffThread(bytes: Uint8Array, purpose: SpecPurpose): Promise<SpecResult> {
  if (waiting.length >= SPECS_WAITING_MAX) {
    throw new QuotaError(
      "SPEC_QUEUE_FULL",
      `${SPECS_WAITING_MAX} large files already wait to be read (SPECS_WAITING_MAX): try again soon`,
    );
  }
  if (threads >= SPEC_THREADS_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
  else threads += 1;
  try {
    return await runThread(bytes, purpose);
  } finally {
    // The place goes to the next in line, if there is one, without being given back first.
    const next = waiting.shift();
    if (next === undefined) threads -= 1;
    else next();
  }
}

async function runThread(bytes: Uint8Array, purpose: SpecPurpose): Promise<SpecResult> {
  const copy = new Uint8Array(bytes);
  const data: SpecThreadData = { bytes: copy, purpose };
  const worker = new Worker(new URL("./spec-thread.ts", import.meta.url), {
    workerData: data,
    transferList: [copy.buffer],
    resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MIB_MAX },
  });
  try {
    return await new Promise<SpecResult>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`bug: the reader ended early with ${code}`)));
    });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") {
      throw new QuotaError(
        "SPEC_TOO_LARGE",
        `the file needs more than ${THREAD_MEMORY_MIB_MAX} MiB of memory to be read`,
        { cause: error },
      );
    }
    throw error;
  } finally {
    await worker.terminate();
  }
}
