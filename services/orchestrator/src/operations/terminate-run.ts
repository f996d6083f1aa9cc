import type { RunRecord } from "../store/records.ts";
import { loadRun } from "../store/run-queries.ts";
import type { AnswerOnce } from "./answer-once.ts";
import { jsonCodec } from "./json-codec.ts";
import type { Caller, OperationContext } from "./operation-context.ts";

export interface TerminateRun {
  readonly namespace: string;
  readonly id: string;
}

type TerminateContext = Pick<OperationContext, "database" | "engine"> & {
  readonly answers: AnswerOnce;
};

/**
 * Asks for a run to end and answers once that is decided. A run that has ended, or is ending
 * already, is answered as it is. Throws NotFoundError.
 */
export function terminateRun(
  { database, engine, answers }: TerminateContext,
  { namespace, id }: TerminateRun,
  { createdBy, key }: Caller,
): Promise<RunRecord> {
  return answers.run(key, async () => {
    const run = await loadRun(database, namespace, id);
    const requested = await engine.runs.request(
      run.id,
      { kind: "terminate", by: createdBy },
      { key, encode: jsonCodec<RunRecord>().encode },
    );
    if (requested?.changed === true) return requested.run;
    return answers.keep(key, requested?.run ?? (await loadRun(database, namespace, id)));
  });
}
