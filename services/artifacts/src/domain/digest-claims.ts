import { InvalidError } from "@tidemill/errors";
import type { Digest } from "./digest.ts";

/**
 * Throws InvalidError DIGEST_MISMATCH when the bytes that came are not those that were announced.
 */
export function requireClaims(claims: readonly Digest[], found: Digest, sizeBytes: number): void {
  for (const claimed of claims) {
    if (claimed === found) continue;
    throw new InvalidError(
      "DIGEST_MISMATCH",
      `the ${sizeBytes} bytes that came have the SHA-256 ${found}, not ${claimed}: nothing was ` +
        "kept; send the blob again",
      [{ field: "digest", description: `the bytes hash to ${found}` }],
      { metadata: { expected: claimed, found } },
    );
  }
}
