import { type ChildProcess, spawn } from "node:child_process";
import { identityOf, type ProcessPlan } from "@tidemill/mesh/servers";

export interface ServerProcess {
  readonly pid: number;
  /** Aborts when the process ends, so that a wait for readiness ends too. */
  readonly ended: AbortSignal;
  /** Sends the signal and waits until the process is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** What it wrote last: the reason when it did not start. */
  output(): string;
}

const OUTPUT_LENGTH_MAX = 4096;

/**
 * Starts a server of a test. When the test process itself is killed, a shell that holds a pipe
 * from it sends `lastSignal` to the server: nothing outlives a test run.
 */
export function startServerProcess(plan: ProcessPlan, lastSignal: NodeJS.Signals): ServerProcess {
  const [command = "", ...args] = plan.argv;
  const child = spawn(command, args, {
    env: { ...plan.env },
    cwd: plan.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    ...identityOf(plan.user),
  });
  let tail = "";
  const keep = (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-OUTPUT_LENGTH_MAX);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  child.on("error", (error) => keep(Buffer.from(error.message)));
  const ended = new AbortController();
  const exit = new Promise<void>((resolve) => {
    child.once("close", () => {
      ended.abort();
      resolve();
    });
  });
  const pid = child.pid ?? 0;
  const guard = startGuard(pid, lastSignal);
  // The servers must not keep a test process alive that has nothing else to do.
  for (const held of [child, guard, child.stdout, child.stderr, guard.stdin]) unref(held);
  return {
    pid,
    ended: ended.signal,
    output: () => tail.trim(),
    async end(signal) {
      child.ref();
      child.kill(signal);
      await exit;
      guard.kill("SIGKILL");
    },
  };
}

function startGuard(pid: number, signal: NodeJS.Signals): ChildProcess {
  const script = `read -r _; kill -s ${signal.replace(/^SIG/, "")} ${pid}`;
  return spawn("/bin/sh", ["-c", script], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
}

function unref(held: unknown): void {
  if (held !== null && typeof held === "object" && "unref" in held) {
    if (typeof held.unref === "function") held.unref();
  }
}
