import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readTelemetryEnv } from "./telemetry-env.ts";

describe("the OTEL_ variables", () => {
  it("may be absent", () => assert.deepEqual(readTelemetryEnv({}), { samplingRatio: 1 }));
  it("name a collector and a share of traces", () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    };
    const settings = { otlpEndpoint: "http://127.0.0.1:4318", samplingRatio: 0.25 };
    assert.deepEqual(readTelemetryEnv(env), settings);
  });
  for (const [name, value] of [
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense"],
    ["OTEL_TRACES_SAMPLER_ARG", "2"],
    ["OTEL_TRACES_SAMPLER_ARG", "half"],
  ] as const) {
    it(`${name}=${value} is refused by name and value`, () => {
      const message = new RegExp(`${name} is "${value}"`);
      assert.throws(() => readTelemetryEnv({ [name]: value }), message);
    });
  }
});
