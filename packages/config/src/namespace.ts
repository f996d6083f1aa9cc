import { InvalidError } from "@tidemill/errors";

export const DEFAULT_NAMESPACE = "default";
const NAMESPACE_LENGTH_MAX = 63;
const dnsLabel = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/**
 * The namespace a request means: `""` is `default`, anything else must be a DNS label (RFC 1123).
 * Throws InvalidError BAD_NAMESPACE.
 */
export function requireNamespace(value: string, field = "namespace"): string {
  if (value === "") return DEFAULT_NAMESPACE;
  if (value.length > NAMESPACE_LENGTH_MAX || !dnsLabel.test(value)) {
    const rule = `use at most ${NAMESPACE_LENGTH_MAX} lower-case letters, digits and inner dashes`;
    throw new InvalidError(
      "BAD_NAMESPACE",
      `namespace ${JSON.stringify(value)} is no DNS label: ${rule}`,
      [{ field, description: rule }],
    );
  }
  return value;
}
