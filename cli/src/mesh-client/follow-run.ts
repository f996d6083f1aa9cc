import type { Client } from "@connectrpc/connect";
import { isRetriable } from "@tidemill/errors";
import { backoff, wait } from "@tidemill/lifecycle";
import type { Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type {
  RunService,
  WatchRunResponse,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { isFinalRun } from "../output/states.ts";

export interface RunChange {
  readonly run: Run | undefined;
  readonly tasks: readonly Task[];
}

export interface FollowOptions {
  readonly namespace: string;
  readonly runId: string;
  readonly signal: AbortSignal;
  onChange(change: RunChange): void | Promise<void>;
}

/** How long a mesh may be away before following a run is given up. */
const AWAY_ATTEMPTS_MAX = 12;

/**
 * Watches a run to its end, through restarts of the orchestrator. Resolves with the run as it
 * ended, or undefined when the signal aborted.
 */
export async function followRun(
  runs: Client<typeof RunService>,
  options: FollowOptions,
): Promise<Run | undefined> {
  const delays = backoff({ initialMs: 100, maxMs: 2000 });
  let token = "";
  let run: Run | undefined;
  for (let failures = 0; ; ) {
    try {
      const stream = runs.watchRun(
        { namespace: options.namespace, runId: options.runId, resumeToken: token },
        { signal: options.signal },
      );
      for await (const response of stream) {
        failures = 0;
        delays.reset();
        run = response.run ?? run;
        token = response.resumeToken === "" ? token : response.resumeToken;
        await options.onChange(changeOf(response));
      }
      if (run !== undefined && isFinalRun(run.state)) return run;
    } catch (error) {
      if (options.signal.aborted) return undefined;
      failures += 1;
      if (!isRetriable(error) || failures > AWAY_ATTEMPTS_MAX) throw error;
    }
    if (options.signal.aborted || !(await wait(delays.nextMs(), options.signal))) return undefined;
  }
}

function changeOf(response: WatchRunResponse): RunChange {
  return { run: response.run, tasks: response.tasks };
}
