import { counter, type Telemetry } from "@tidemill/telemetry";

export interface BlobMetrics {
  received(bytes: number): void;
  sent(bytes: number): void;
  corrupted(): void;
}

export function createBlobMetrics({ meter }: Pick<Telemetry, "meter">): BlobMetrics {
  const received = counter(
    meter,
    "tidemill_blob_bytes_received_total",
    "Bytes of blobs that were taken in and kept.",
  );
  const sent = counter(meter, "tidemill_blob_bytes_sent_total", "Bytes of blobs sent, verified.");
  const corrupted = counter(
    meter,
    "tidemill_blob_corruptions_total",
    "Reads that found bytes on disk other than those that were kept.",
  );
  return {
    received: (bytes) => received.add(bytes),
    sent: (bytes) => sent.add(bytes),
    corrupted: () => corrupted.add(1),
  };
}
