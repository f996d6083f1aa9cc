import { timestampMs } from "@bufbuild/protobuf/wkt";
import { LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { createMeshClient } from "@tidemill/rpc";
import type { LogSource } from "../operations/get-logs.ts";

/** The log store of the artifact service, by its RPC. */
export function createArtifactLogs(address: string): LogSource & { close(): void } {
  const client = createMeshClient(LogService, { address });
  return {
    async *read({ follow, tailBytes, ...key }, signal) {
      const request = { key, follow, tailBytes: BigInt(tailBytes) };
      for await (const { offset, data, time } of client.readLog(request, { signal })) {
        const timeMs = time === undefined ? undefined : timestampMs(time);
        yield { stream: key.stream, offset: Number(offset), data, timeMs };
      }
    },
    close: () => client.close(),
  };
}
