import { type Meter, type Tracer, trace } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { Service } from "@tidemill/lifecycle";
import type { TracePipeline } from "./trace-pipeline.ts";

export interface TelemetryOptions {
  readonly service: string;
  readonly otlpEndpoint?: string | undefined;
  /** Share of traces kept when the caller has not decided; 1 unless given. */
  readonly samplingRatio?: number;
}

/** Meters always; spans only while an OTLP endpoint is configured. */
export interface Telemetry extends Service {
  readonly meter: Meter;
  /** Does nothing unless `tracing`. */
  readonly tracer: Tracer;
  /** Whether spans go anywhere, so that nobody makes them in vain. */
  readonly tracing: boolean;
  /** Everything measured so far, in Prometheus text format. */
  metricsText(): Promise<string>;
}

/**
 * Sets of label values one instrument keeps apart; further ones are counted together under
 * `otel_metric_overflow`, so that a label that runs wild cannot eat the memory.
 */
export const LABEL_SETS_MAX = 1000;

/** The meters and the tracer of a process. `start` loads the trace exporter where one is wanted. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const resource = resourceFromAttributes({ "service.name": options.service });
  const provider = new MeterProvider({
    resource,
    readers: [reader],
    views: [{ instrumentName: "*", aggregationCardinalityLimit: LABEL_SETS_MAX }],
  });
  const noop = trace.getTracerProvider().getTracer("noop");
  let pipeline: Promise<TracePipeline> | undefined;
  let tracer: Tracer | undefined;
  let stopped: Promise<void> | undefined;

  async function start(): Promise<void> {
    const { otlpEndpoint, samplingRatio = 1 } = options;
    if (otlpEndpoint === undefined) return;
    pipeline ??= import("./trace-pipeline.ts").then(({ createTracePipeline }) =>
      createTracePipeline({ resource, otlpEndpoint, samplingRatio }),
    );
    tracer = (await pipeline).tracer;
  }

  async function stopAll(): Promise<void> {
    tracer = undefined;
    await (await pipeline)?.stop();
    await provider.shutdown();
  }

  return {
    meter: provider.getMeter("tidemill"),
    get tracer() {
      return tracer ?? noop;
    },
    get tracing() {
      return tracer !== undefined;
    },
    async metricsText() {
      const { resourceMetrics } = await reader.collect();
      return serializer.serialize(resourceMetrics);
    },
    start,
    stop() {
      stopped ??= stopAll();
      return stopped;
    },
  };
}
