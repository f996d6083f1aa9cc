import type { Tracer } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { Resource } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";

export interface TracePipelineOptions {
  readonly resource: Resource;
  readonly otlpEndpoint: string;
  readonly samplingRatio: number;
}

export interface TracePipeline {
  readonly tracer: Tracer;
  /** Sends what is left, for at most EXPORT_TIMEOUT_MS. */
  stop(): Promise<void>;
}

const EXPORT_TIMEOUT_MS = 2_000;
const EXPORT_INTERVAL_MS = 1_000;
const SPANS_QUEUED_MAX = 4_096;

/** Spans in batches to an OTLP/HTTP collector. The caller's decision to sample stands. */
export function createTracePipeline(options: TracePipelineOptions): TracePipeline {
  const exporter = new OTLPTraceExporter({
    url: `${options.otlpEndpoint.replace(/\/+$/, "")}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const processor = new BatchSpanProcessor({
    exporter,
    scheduledDelayMillis: EXPORT_INTERVAL_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
    maxQueueSize: SPANS_QUEUED_MAX,
  });
  const provider = new TracerProvider({
    resource: options.resource,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.samplingRatio) }),
    spanProcessors: [processor],
  });
  return {
    tracer: provider.getTracer("tidemill"),
    async stop() {
      try {
        await provider.shutdown();
      } catch {
        // A collector that is away must not keep a process from stopping.
      }
    },
  };
}
