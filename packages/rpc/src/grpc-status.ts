import type { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { Metadata, type StatusObject, type status } from "@grpc/grpc-js";

/**
 * The status grpc-js sends for an error, details included: as `grpc-status-details-bin`, where
 * clients of every language look for them.
 */
export function grpcStatusOf(error: ConnectError, trailer?: Metadata): StatusObject {
  const metadata = trailer ?? new Metadata();
  const details = setTrailerStatus(new Headers(), error).get("grpc-status-details-bin");
  if (details !== null) {
    metadata.set("grpc-status-details-bin", Buffer.from(details, "base64"));
  }
  const code: number = error.code;
  return { code: code satisfies status, details: error.rawMessage, metadata };
}
