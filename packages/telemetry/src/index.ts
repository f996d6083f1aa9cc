export type { Attributes, Counter, Histogram, Meter, SpanContext } from "@opentelemetry/api";
export * from "./instruments.ts";
export * from "./logger.ts";
export * from "./scope.ts";
export * from "./serialize-error.ts";
export * from "./spans.ts";
export * from "./telemetry.ts";
export * from "./telemetry-env.ts";
export * from "./traceparent.ts";
