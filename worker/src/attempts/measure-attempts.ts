import {
  type AttemptState,
  AttemptStateSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { durationHistogram, gauge, type Telemetry } from "@tidemill/telemetry";

/** Publishes how many attempts run; answers what records the end of one. */
export function measureAttempts(telemetry: Telemetry, running: () => number) {
  const { meter } = telemetry;
  gauge(meter, "tidemill_attempts_running", "attempts under way on this worker", running);
  const name = "tidemill_attempt_duration_seconds";
  const durations = durationHistogram(meter, name, "from StartAttempt to the report of its end");
  return (state: AttemptState, seconds: number) => {
    durations.record(seconds, { state: AttemptStateSchema.value[state]?.localName ?? "unknown" });
  };
}
