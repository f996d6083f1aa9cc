import { spawn } from "node:child_process";
import { installed, root } from "./root.ts";

export interface ProcessResult {
  readonly exitCode: number;
  /** Standard output and error as they came. */
  readonly output: string;
  readonly tookMs: number;
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the process with TERM. */
  readonly signal?: AbortSignal;
  /** Told about every whole line as it comes. */
  readonly onLine?: (line: string) => void;
  /** Text for standard input; none without. */
  readonly input?: string;
}

/** Exit code of a process that a signal ended. */
const SIGNALLED = 128;

/**
 * Runs a program from the root of the repository and gathers what it prints. The Node that runs
 * this comes first in PATH, so that nothing falls back to an older one of the system.
 */
export function runProcess(
  argv: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const [command = "", ...rest] = argv;
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      cwd: root,
      env: { ...environment(), ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: "SIGTERM" }),
    });
    child.stdin?.end(options.input);
    let output = "";
    let pending = "";
    const take = (text: string) => {
      output += text;
      if (options.onLine === undefined) return;
      const lines = (pending + text).split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) options.onLine(line);
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", take);
    }
    child.on("error", (error) => (error.name === "AbortError" ? undefined : reject(error)));
    child.on("close", (code) => {
      if (pending !== "") options.onLine?.(pending);
      resolve({ exitCode: code ?? SIGNALLED, output, tookMs: performance.now() - startedMs });
    });
  });
}

function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    // A test runner inside a test runner would report to the outer one.
    if (value !== undefined && name !== "NODE_TEST_CONTEXT") env[name] = value;
  }
  const node = process.execPath.slice(0, process.execPath.lastIndexOf("/"));
  env.PATH = `${installed("")}:${node}:${env.PATH ?? ""}`;
  return env;
}
