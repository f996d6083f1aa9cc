import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

/** Who a process runs as. Absent: who we are. */
export interface UnixUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Everything that is needed to start one process, and nothing that depends on who starts it. */
export interface ProcessPlan {
  readonly name: string;
  readonly argv: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user?: UnixUser;
}

export interface PlanResult {
  /** Absent when a signal ended the process, or it could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunPlanOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Kills it, as the end of the time does. */
  readonly signal?: AbortSignal | undefined;
}

const HELPER_TIMEOUT_MS = 120_000;

/** Runs a short-lived plan to its end; for helpers such as initdb that must finish first. */
export async function runPlan(
  plan: ProcessPlan,
  { input = "", timeoutMs = HELPER_TIMEOUT_MS, signal }: RunPlanOptions = {},
): Promise<PlanResult> {
  const [command = "", ...args] = plan.argv;
  const child = spawn(command, args, {
    env: { ...plan.env },
    cwd: plan.cwd,
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
    killSignal: "SIGKILL",
    ...identityOf(plan.user),
  });
  const failure = new Promise<PlanResult>((resolve) => {
    child.once("error", (error) => resolve({ code: null, stdout: "", stderr: error.message }));
  });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  // A helper that ends without reading its input is judged by its exit code alone.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const outcome = Promise.all([exit, text(child.stdout), text(child.stderr)]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr }),
  );
  return Promise.race([failure, outcome]);
}

/** The spawn options that make a process run as `user`; supplementary groups are dropped. */
export function identityOf(user: UnixUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}
