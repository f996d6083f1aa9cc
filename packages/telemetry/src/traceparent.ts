import { isSpanContextValid, type SpanContext, TraceFlags } from "@opentelemetry/api";
import { currentScope } from "./scope.ts";

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The span a W3C `traceparent` names; undefined when absent or malformed (the standard: start
 * anew).
 */
export function parseTraceparent(header: string | null | undefined): SpanContext | undefined {
  const match = header ? pattern.exec(header) : null;
  if (match === null) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const context: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
  return isSpanContextValid(context) ? context : undefined;
}

export function formatTraceparent(span: SpanContext): string {
  const flags = (span.traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, "0");
  return `00-${span.traceId}-${span.spanId}-${flags}`;
}

/** The header to send with a call made now; undefined outside of any trace. */
export function currentTraceparent(): string | undefined {
  const span = currentScope()?.span;
  return span === undefined ? undefined : formatTraceparent(span);
}
