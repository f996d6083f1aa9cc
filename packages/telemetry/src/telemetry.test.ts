import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, it } from "node:test";
import { counter, durationHistogram, gauge } from "./instruments.ts";
import { runInScope } from "./scope.ts";
import { openSpan } from "./spans.ts";
import { createTelemetry, LABEL_SETS_MAX } from "./telemetry.ts";
import { parseTraceparent } from "./traceparent.ts";

describe("metrics", () => {
  it("come out in Prometheus text under their own names", async () => {
    const telemetry = createTelemetry({ service: "test" });
    counter(telemetry.meter, "tidemill_things_total", "Things").add(2, { kind: "a" });
    durationHistogram(telemetry.meter, "tidemill_wait_seconds", "Waits").record(0.02);
    gauge(telemetry.meter, "tidemill_queue_depth", "Waiting", () => [
      { value: 3, labels: { queue: "q" } },
    ]);
    const text = await telemetry.metricsText();
    assert.match(text, /^tidemill_things_total\{kind="a"\} 2$/m);
    assert.match(text, /^tidemill_wait_seconds_bucket\{le="0.025"\} 1$/m);
    assert.match(text, /^tidemill_queue_depth\{queue="q"\} 3$/m);
    await telemetry.stop();
    await telemetry.stop();
  });

  it("keep no more label sets than the limit", async () => {
    const telemetry = createTelemetry({ service: "test" });
    const wild = counter(telemetry.meter, "tidemill_wild_total", "Wild");
    for (let id = 0; id < LABEL_SETS_MAX * 3; id += 1) wild.add(1, { id });
    const text = await telemetry.metricsText();
    const series = text.split("\n").filter((line) => line.startsWith("tidemill_wild_total{"));
    assert.ok(series.length <= LABEL_SETS_MAX, `${series.length} series`);
    assert.match(text, /otel_metric_overflow="true"/);
    await telemetry.stop();
  });
});

describe("traces", () => {
  it("cost nothing and go nowhere without a collector", async () => {
    const telemetry = createTelemetry({ service: "test" });
    await telemetry.start();
    assert.equal(telemetry.tracing, false);
    assert.equal(openSpan(telemetry, { name: "x", kind: "server" }), undefined);
  });

  it("reach a collector by OTLP, and keep the caller's trace and decision", async () => {
    const bodies: Promise<Buffer>[] = [];
    const sink = createServer((request, response) => {
      assert.equal(request.url, "/v1/traces");
      bodies.push(buffer(request));
      response.end();
    }).listen(0, "127.0.0.1");
    await once(sink, "listening");
    const { port } = sink.address() as AddressInfo;
    const otlpEndpoint = `http://127.0.0.1:${port}/`;
    const telemetry = createTelemetry({ service: "test", otlpEndpoint, samplingRatio: 0 });
    await telemetry.start();
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const parent = parseTraceparent(`00-${traceId}-b7ad6b7169203331-01`);
    const outer = openSpan(telemetry, { name: "outer-span", kind: "server", parent });
    assert.ok(outer);
    const inner = runInScope({ fields: {}, span: outer.context }, () =>
      openSpan(telemetry, { name: "inner-span", kind: "client" }),
    );
    inner?.end("it broke");
    outer.end();
    openSpan(telemetry, { name: "unsampled-span", kind: "server" })?.end();
    await telemetry.stop();
    const sent = Buffer.concat(await Promise.all(bodies)).toString("latin1");
    assert.equal(inner?.context.traceId, traceId);
    for (const text of ["outer-span", "inner-span", "it broke", "test"]) {
      assert.ok(sent.includes(text), text);
    }
    assert.ok(!sent.includes("unsampled-span"));
    sink.close();
  });

  it("do not keep a process from stopping when the collector is away", async () => {
    const telemetry = createTelemetry({ service: "test", otlpEndpoint: "http://127.0.0.1:9" });
    await telemetry.start();
    openSpan(telemetry, { name: "lost", kind: "server" })?.end();
    await telemetry.stop();
  });
});
