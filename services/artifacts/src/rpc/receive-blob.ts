import { DeadlineError, InvalidError, QuotaError } from "@tidemill/errors";
import type { EdgeRequest } from "@tidemill/rpc";
import { claimedDigest, type Digest, requireDigest } from "../domain/digest.ts";
import { keepBlob } from "../operations/keep-blob.ts";
import type { BlobRequest, BlobRoutesContext } from "./blob-request.ts";

/** An upload of which nothing comes for this long is given up. */
const UPLOAD_IDLE_MS = 60_000;

/** Takes in the body as a blob. Throws what `keepBlob` does, and InvalidError BODY_TRUNCATED. */
export async function receiveBlob(ctx: BlobRoutesContext, blob: BlobRequest): Promise<void> {
  const { request, response, namespace, caller } = blob;
  requireIdentity(request);
  const expectedBytes = announcedBytes(request, ctx.blobs.sizeBytesMax);
  const claims = claimsOf(blob);
  const record = await keepBlob(ctx, {
    namespace,
    caller,
    claims,
    bytes: bodyOf(request),
    requireWhole: (sizeBytes) => requireWhole(request, sizeBytes, expectedBytes),
  });
  ctx.metrics.received(record.sizeBytes);
  const { digest, sizeBytes } = record;
  const body = Buffer.from(`${JSON.stringify({ digest, sizeBytes })}\n`);
  response.statusCode = 201;
  response.setHeader("content-type", "application/json");
  response.setHeader("content-length", body.length);
  response.setHeader("location", `/v1/blobs/${digest}`);
  response.end(body);
}

function claimsOf({ request, digest }: BlobRequest): readonly Digest[] {
  const claimed = claimedDigest({
    sha256: oneHeader(request, "x-tidemill-sha256"),
    contentDigest: oneHeader(request, "content-digest"),
  });
  const claims = digest === undefined ? [] : [requireDigest(digest)];
  return claimed === undefined ? claims : [...claims, claimed];
}

function oneHeader(request: EdgeRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function requireIdentity(request: EdgeRequest): void {
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  throw new InvalidError(
    "BAD_ENCODING",
    `content-encoding "${encoding}" is refused: send the bytes as they are to be kept`,
    [{ field: "content-encoding", description: "leave it out" }],
  );
}

/** Refuses what announces itself as too large before a byte of it is read. */
function announcedBytes(request: EdgeRequest, sizeBytesMax: number): number | undefined {
  const header = request.headers["content-length"];
  if (header === undefined) return undefined;
  const bytes = Number(header);
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new InvalidError("BAD_LENGTH", `content-length ${JSON.stringify(header)} is no size`);
  }
  if (bytes <= sizeBytesMax) return bytes;
  throw new QuotaError(
    "BLOB_TOO_LARGE",
    `a blob of ${bytes} bytes is refused, at most ${sizeBytesMax} are taken: split it, or raise ` +
      "TIDEMILL_ARTIFACTS_BLOB_BYTES_MAX",
    { metadata: { limit: String(sizeBytesMax) } },
  );
}

/**
 * The body's bytes. Left open when the blob is refused half-way, so that its sender can be told.
 */
function bodyOf(request: EdgeRequest): AsyncIterable<Uint8Array> {
  request.setTimeout(UPLOAD_IDLE_MS, () => {
    const message = `nothing of the upload came for ${UPLOAD_IDLE_MS} ms: send it again`;
    request.destroy(new DeadlineError("UPLOAD_IDLE", message));
  });
  return request.iterator({ destroyOnReturn: false });
}

/** The body must come to its proper end: a client that goes away leaves nothing. */
function requireWhole(
  request: EdgeRequest,
  sizeBytes: number,
  expectedBytes: number | undefined,
): void {
  request.setTimeout(0);
  const isShort = expectedBytes !== undefined && sizeBytes !== expectedBytes;
  if (!request.aborted && !isShort) return;
  throw new InvalidError(
    "BODY_TRUNCATED",
    `the upload ended after ${sizeBytes} of ${expectedBytes ?? "an unknown number of"} bytes: ` +
      "nothing was kept, send it again",
  );
}
