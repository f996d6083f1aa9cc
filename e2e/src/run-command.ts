import { type ChildProcess, spawn } from "node:child_process";
import { root } from "./root.ts";

export interface CommandResult {
  /** 128 and more when a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** A command that runs: its output so far, and how it ends. */
export interface RunningCommand {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<CommandResult>;
}

const TIMEOUT_MS = 120_000;
const signalNumbers: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};

/** Starts a command without a terminal; one that hangs is killed, and its test fails. */
export function startCommand(
  argv: readonly string[],
  options: CommandOptions = {},
): RunningCommand {
  const [command = "", ...rest] = argv;
  const startedMs = performance.now();
  const child = spawn(command, rest, {
    cwd: options.cwd ?? root,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const exitCode = code ?? 128 + (signal === null ? 0 : (signalNumbers[signal] ?? 0));
      resolve({ exitCode, stdout, stderr, tookMs: performance.now() - startedMs });
    });
  });
  return { process: child, stdout: () => stdout, stderr: () => stderr, ended };
}

export function runCommand(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return startCommand(argv, options).ended;
}
