import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { toJson } from "@bufbuild/protobuf";
import { python } from "../tools.ts";
import type { CallOutcome, CallSettings, SampleCall } from "./contract-client.ts";
import { grpcPackages } from "./python-packages.ts";

export interface PythonCall extends CallSettings {
  readonly sample: SampleCall;
  /** Bytes of a field that the method does not know, to make a message too large. */
  readonly unknownBytes?: number;
}

/** What Python's grpcio saw of a server. */
export interface PythonReport {
  readonly outcomes: readonly CallOutcome[];
  readonly services: readonly string[];
  readonly health: { readonly watch: string; readonly check: string };
  /** The first call again under a foreign authority. */
  readonly refused: CallOutcome;
}

const PYTHON_MS_MAX = 120_000;
/** Field 2000, length-delimited, of UNKNOWN_BYTES. */
const UNKNOWN_FIELD_TAG = (2000 << 3) | 2;

/** Makes the calls with grpcio in one process, which learns the services by reflection. */
export async function callWithPython(
  port: number,
  calls: readonly PythonCall[],
): Promise<PythonReport> {
  const child = spawn(await python(), [join(import.meta.dirname, "client.py")], {
    env: { ...process.env, PYTHONPATH: await grpcPackages(), GRPC_VERBOSITY: "ERROR" },
    timeout: PYTHON_MS_MAX,
  });
  child.stdin.end(JSON.stringify({ target: `127.0.0.1:${port}`, calls: calls.map(toPython) }));
  const [out, err] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (child.exitCode !== 0) throw new Error(`the python client failed: ${err}`);
  return JSON.parse(out);
}

function toPython({ sample, timeoutMs, cancelAfter, unknownBytes = 0 }: PythonCall) {
  const { method, request } = sample;
  return {
    service: method.parent.typeName,
    method: method.name,
    request: toJson(method.input, request),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs / 1000 }),
    ...(cancelAfter === undefined ? {} : { cancel_after: cancelAfter }),
    ...(unknownBytes === 0
      ? {}
      : { unknown_tag: fieldStart(unknownBytes), unknown_size: unknownBytes }),
  };
}

function fieldStart(size: number): string {
  return Buffer.from([...varint(UNKNOWN_FIELD_TAG), ...varint(size)]).toString("hex");
}

/** A number as protobuf writes lengths and tags. */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}
