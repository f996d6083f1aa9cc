import { randomBytes, randomUUID } from "node:crypto";
import { Code, type ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  type LogFields,
  type Logger,
  type OpenSpan,
  openSpan,
  parseTraceparent,
  type Scope,
  type Telemetry,
} from "@tidemill/telemetry";
import { logKey, requestIdKey } from "./context-keys.ts";
import { headerOf } from "./header-of.ts";
import type { ServerMetrics } from "./server-metrics.ts";
import { toWire } from "./to-wire.ts";

export interface CallObservers {
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly metrics: ServerMetrics;
}

const requestIdPattern = /^[\x21-\x7e]{1,128}$/;

/** One call from its arrival to its end: request id, span, duration, the line in the log. */
export class OpenCall {
  readonly scope: Scope;
  readonly #context: HandlerContext;
  readonly #observers: CallObservers;
  #span: OpenSpan | undefined;
  readonly #startMs = performance.now();
  #open = true;

  constructor(context: HandlerContext, observers: CallObservers) {
    this.#context = context;
    this.#observers = observers;
    observers.metrics.opened();
    const requestId = chooseRequestId(headerOf(context, "x-request-id"));
    context.values.set(requestIdKey, requestId).set(logKey, observers.log);
    const remote = parseTraceparent(headerOf(context, "traceparent"));
    if (observers.telemetry.tracing) {
      const name = `${context.service.typeName}/${context.method.name}`;
      this.#span = openSpan(observers.telemetry, { name, kind: "server", parent: remote });
    }
    this.scope = scopeOf(requestId, this.#span?.context ?? remote);
  }

  get open(): boolean {
    return this.#open;
  }

  succeed(): void {
    this.#close(undefined);
  }

  /** Ends the call with what was thrown and returns what the caller gets to see. */
  fail(thrown: unknown): ConnectError {
    const traceId = this.scope.span?.traceId ?? randomBytes(16).toString("hex");
    const error = toWire(thrown, traceId);
    this.#close(error.code);
    const fields = {
      ...this.scope.fields,
      trace_id: traceId,
      rpc: `${this.#context.service.typeName}/${this.#context.method.name}`,
    };
    logFailure(this.#observers.log, error, thrown, fields);
    this.#span?.end(error.rawMessage);
    return error;
  }

  #close(code: Code | undefined): void {
    this.#open = false;
    const durationMs = performance.now() - this.#startMs;
    this.#observers.metrics.closed(this.#context.method, code, durationMs);
    if (code === undefined) this.#span?.end();
  }
}

function logFailure(log: Logger, error: ConnectError, thrown: unknown, fields: LogFields): void {
  switch (error.code) {
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      log.error("call failed", { ...fields, error: thrown });
      return;
    default:
      log.debug("call refused", { ...fields, code: Code[error.code], reason: error.rawMessage });
  }
}

function scopeOf(requestId: string, span: Scope["span"]): Scope {
  if (span === undefined) return { fields: { request_id: requestId } };
  return { fields: { request_id: requestId, trace_id: span.traceId }, span };
}

/** The caller's own id when it is fit for logs and headers, else a new one. */
export function chooseRequestId(header: string | undefined): string {
  return header !== undefined && requestIdPattern.test(header) ? header : randomUUID();
}
