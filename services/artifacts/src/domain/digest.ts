import { InvalidError } from "@tidemill/errors";

/** SHA-256 of some bytes, 64 lower-case hex digits. */
export type Digest = string & { readonly __brand: "Digest" };

/** How many bytes of a blob one chunk digest covers; a blob of at most one chunk needs none. */
export const CHUNK_SIZE_BYTES = 4 * 1024 * 1024;
/** Bytes of one SHA-256. */
export const DIGEST_SIZE_BYTES = 32;

const hexDigest = /^[0-9a-f]{64}$/;
const contentDigestEntry = /^\s*([a-z0-9-]+)\s*=\s*:([A-Za-z0-9+/]*={0,2}):\s*$/i;

/** The digest of no bytes at all. */
export const EMPTY_DIGEST = digestOf(
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
);

function isDigest(value: string): value is Digest {
  return hexDigest.test(value);
}

/** Throws InvalidError BAD_DIGEST. */
export function requireDigest(value: string, field = "digest"): Digest {
  if (isDigest(value)) return value;
  const rule = "send 64 lower-case hex digits";
  throw new InvalidError(
    "BAD_DIGEST",
    `${field} ${JSON.stringify(value.slice(0, 80))} is no SHA-256: ${rule}`,
    [{ field, description: rule }],
  );
}

/**
 * The SHA-256 that a client says it sends: from `x-tidemill-sha256` (hex) or `Content-Digest`
 * (RFC 9530; other algorithms are ignored). Undefined when it says nothing. Throws InvalidError
 * BAD_DIGEST when what it says is malformed, or when the two differ.
 */
export function claimedDigest(headers: {
  readonly sha256?: string | undefined;
  readonly contentDigest?: string | undefined;
}): Digest | undefined {
  const plain =
    headers.sha256 === undefined ? undefined : requireDigest(headers.sha256, "x-tidemill-sha256");
  const structured =
    headers.contentDigest === undefined ? undefined : parseContentDigest(headers.contentDigest);
  if (plain !== undefined && structured !== undefined && plain !== structured) {
    throw new InvalidError(
      "BAD_DIGEST",
      `x-tidemill-sha256 is ${plain} but Content-Digest says ${structured}: send one of them`,
    );
  }
  return plain ?? structured;
}

function parseContentDigest(value: string): Digest | undefined {
  for (const entry of value.split(",")) {
    const match = contentDigestEntry.exec(entry);
    if (match === null) throw badContentDigest(value);
    if (match[1]?.toLowerCase() !== "sha-256") continue;
    const bytes = Buffer.from(match[2] ?? "", "base64");
    if (bytes.length !== DIGEST_SIZE_BYTES) throw badContentDigest(value);
    return digestOf(bytes.toString("hex"));
  }
  return undefined;
}

function badContentDigest(value: string): InvalidError {
  const rule = "send sha-256=:<base64 of 32 bytes>:";
  return new InvalidError(
    "BAD_DIGEST",
    `Content-Digest ${JSON.stringify(value.slice(0, 200))} cannot be read: ${rule}`,
    [{ field: "content-digest", description: rule }],
  );
}

function digestOf(hex: string): Digest {
  if (!isDigest(hex)) throw new Error(`bug: ${hex} is no digest`);
  return hex;
}
