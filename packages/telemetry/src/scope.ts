import { AsyncLocalStorage } from "node:async_hooks";
import type { SpanContext } from "@opentelemetry/api";

/** Fields of a log entry; values must be JSON. `error` takes anything that was thrown. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What everything that runs for one request, or one task, has in common. */
export interface Scope {
  /** Stand in every log line written inside: request_id, run_id, task_id, trace_id. */
  readonly fields: LogFields;
  /** The span that calls made inside belong to. */
  readonly span?: SpanContext;
}

const storage = new AsyncLocalStorage<Scope>();

/** Runs `fn`, and everything it starts, inside the scope. */
export function runInScope<T>(scope: Scope, fn: () => T): T {
  return storage.run(scope, fn);
}

export function currentScope(): Scope | undefined {
  return storage.getStore();
}

/** Runs `fn` with fields added to those of the current scope. */
export function withLogFields<T>(fields: LogFields, fn: () => T): T {
  const outer = storage.getStore();
  return storage.run({ ...outer, fields: { ...outer?.fields, ...fields } }, fn);
}
