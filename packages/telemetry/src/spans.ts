import {
  type Attributes,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { currentScope } from "./scope.ts";
import type { Telemetry } from "./telemetry.ts";

export interface SpanOptions {
  readonly name: string;
  readonly kind: "server" | "client" | "producer" | "consumer" | "internal";
  /** The current scope's span unless given. */
  readonly parent?: SpanContext | undefined;
  readonly attributes?: Attributes;
}

export interface OpenSpan {
  readonly context: SpanContext;
  /** Ends the span; `failure` says in a word what went wrong. */
  end(failure?: string): void;
}

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

/** Opens a span, or returns undefined at no cost while nobody collects traces. */
export function openSpan(telemetry: Telemetry, options: SpanOptions): OpenSpan | undefined {
  if (!telemetry.tracing) return undefined;
  const parent = options.parent ?? currentScope()?.span;
  const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
  const settings = { kind: kinds[options.kind], attributes: options.attributes ?? {} };
  const span = telemetry.tracer.startSpan(options.name, settings, context);
  return {
    context: span.spanContext(),
    end(failure) {
      if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      span.end();
    },
  };
}
