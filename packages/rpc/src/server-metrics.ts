import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { type Attributes, durationHistogram, gauge, type Telemetry } from "@tidemill/telemetry";

/** Labels come from descriptors and codes alone, never from what a caller sent. */
export interface ServerMetrics {
  opened(): void;
  closed(method: DescMethod, code: Code | undefined, durationMs: number): void;
}

/** tidemill_rpc_server_duration_seconds and tidemill_rpc_server_open_calls. */
export function createServerMetrics(telemetry: Telemetry): ServerMetrics {
  const durations = durationHistogram(
    telemetry.meter,
    "tidemill_rpc_server_duration_seconds",
    "Time from the request to the end of the answer, by service, method and code",
  );
  let open = 0;
  gauge(
    telemetry.meter,
    "tidemill_rpc_server_open_calls",
    "Calls being answered, streams included",
    () => open,
  );
  const labelSets = new Map<DescMethod, Map<string, Attributes>>();
  return {
    opened() {
      open += 1;
    },
    closed(method, code, durationMs) {
      open -= 1;
      const byCode = labelSets.get(method) ?? new Map<string, Attributes>();
      labelSets.set(method, byCode);
      const codeName = code === undefined ? "ok" : codeToString(code);
      const labels = byCode.get(codeName) ?? {
        rpc_service: method.parent.typeName,
        rpc_method: method.name,
        code: codeName,
      };
      byCode.set(codeName, labels);
      durations.record(durationMs / 1000, labels);
    },
  };
}
