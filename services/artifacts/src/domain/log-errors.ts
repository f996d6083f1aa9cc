import { StateError } from "@tidemill/errors";
import type { LogKey } from "./log.ts";

export function logSealed(key: LogKey, sizeBytes: number): StateError {
  return new StateError(
    "LOG_SEALED",
    `the ${key.stream} of task "${key.taskId}", attempt ${key.attempt}, was sealed at ` +
      `${sizeBytes} bytes: nothing comes after that`,
    { metadata: { size_bytes: String(sizeBytes) } },
  );
}

export function sealSizeDiffers(key: LogKey, found: number, expected: number): StateError {
  return new StateError(
    "LOG_SIZE_DIFFERS",
    `the ${key.stream} of task "${key.taskId}", attempt ${key.attempt}, has ${found} bytes, not ` +
      `${expected}: append what is missing, then seal it`,
    { metadata: { size_bytes: String(found) } },
  );
}
