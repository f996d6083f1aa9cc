import { type Env, envReader } from "@tidemill/config";
import { InvalidError } from "@tidemill/errors";

export interface TelemetrySettings {
  /** Base address of an OTLP/HTTP collector; without it there are no traces. */
  readonly otlpEndpoint?: string;
  /** Share of traces kept when the caller has not decided. */
  readonly samplingRatio: number;
}

const SAMPLING_RATIO_DEFAULT = 1;

/**
 * Reads OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_TRACES_SAMPLER_ARG. Throws InvalidError BAD_SETTING
 * when one is malformed.
 */
export function readTelemetryEnv(env: Env): TelemetrySettings {
  const read = envReader(env);
  const endpoint = read.optional("OTEL_EXPORTER_OTLP_ENDPOINT");
  const ratio = Number(read.string("OTEL_TRACES_SAMPLER_ARG", String(SAMPLING_RATIO_DEFAULT)));
  if (!(ratio >= 0 && ratio <= 1)) {
    throw badSetting("OTEL_TRACES_SAMPLER_ARG", env, "it must be a number from 0 to 1");
  }
  if (endpoint === undefined) return { samplingRatio: ratio };
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw badSetting("OTEL_EXPORTER_OTLP_ENDPOINT", env, "it must be an http or https address");
  }
  return { otlpEndpoint: endpoint, samplingRatio: ratio };
}

function badSetting(name: string, env: Env, rule: string): InvalidError {
  return new InvalidError("BAD_SETTING", `${name} is ${JSON.stringify(env[name])}: ${rule}`, [
    { field: name, description: rule },
  ]);
}
