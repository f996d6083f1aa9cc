import { IntegrityError, NotFoundError } from "@tidemill/errors";
import type { EdgeResponse } from "@tidemill/rpc";
import type { BlobReader, VerifiedBytes } from "../blobs/blob-reader.ts";
import { type ByteRange, parseRange } from "../domain/byte-range.ts";
import { requireDigest } from "../domain/digest.ts";
import { type BlobRecord, findBlob } from "../store/blobs.ts";
import type { BlobRequest, BlobRoutesContext } from "./blob-request.ts";

/** A download of which nothing is taken for this long is given up. */
const DOWNLOAD_IDLE_MS = 60_000;
const CACHE_CONTROL = "private, max-age=31536000, immutable";

/**
 * Answers a GET or HEAD. Every byte is verified before it leaves: damage in the first chunk of a
 * range is an error status, damage further on ends the connection short of the announced length.
 */
export async function sendBlob(ctx: BlobRoutesContext, blob: BlobRequest): Promise<void> {
  const { request, response, namespace } = blob;
  const digest = requireDigest(blob.digest ?? "");
  const record = await findBlob(ctx.db, namespace, digest);
  if (record === undefined) throw new NotFoundError("blob", digest);
  if (request.headers["if-none-match"]?.includes(record.digest)) {
    setCommonHeaders(response, record);
    response.statusCode = 304;
    response.end();
    return;
  }
  const range = parseRange(wantedRange(blob, record), record.sizeBytes);
  if (request.method === "HEAD") {
    setRangeHeaders(response, record, range);
    response.end();
    return;
  }
  try {
    await sendBytes(ctx, blob, { record, range });
  } catch (error) {
    if (error instanceof IntegrityError) {
      ctx.metrics.corrupted();
      ctx.log.error("a blob is damaged on disk", { namespace, digest, error });
    }
    throw error;
  }
}

async function sendBytes(
  ctx: BlobRoutesContext,
  { response }: BlobRequest,
  { record, range }: { record: BlobRecord; range: ByteRange | undefined },
): Promise<void> {
  const reader = await ctx.blobs.open(record.digest, record.sizeBytes);
  try {
    const wanted = range ?? { start: 0, end: record.sizeBytes };
    await streamVerified(reader, wanted, response, () => setRangeHeaders(response, record, range));
    ctx.metrics.sent(wanted.end - wanted.start);
  } finally {
    await reader.close();
  }
}

/** Writes one chunk while the next one is verified; headers go out once the first one is. */
async function streamVerified(
  reader: BlobReader,
  range: ByteRange,
  response: EdgeResponse,
  beforeFirst: () => void,
): Promise<void> {
  response.setTimeout(DOWNLOAD_IDLE_MS, () => response.destroy());
  let writing: Promise<void> | undefined;
  let isFirst = true;
  try {
    for await (const part of reader.read(range)) {
      if (isFirst) beforeFirst();
      isFirst = false;
      await writing;
      writing = writePart(response, part);
      // Awaited in its turn; a failure meanwhile is not unhandled.
      writing.catch(() => undefined);
    }
    if (isFirst) beforeFirst();
    await writing;
  } catch (error) {
    await writing?.catch(() => undefined);
    if (!isFirst) response.destroy();
    throw error;
  }
  response.end();
}

/** Resolves when the part's memory may be used again; rejects when the client has gone. */
async function writePart(response: EdgeResponse, part: VerifiedBytes): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      const onClose = () => reject(new Error("the client went away"));
      if (response.destroyed) return onClose();
      response.once("close", onClose);
      const done = (error?: Error | null) => {
        response.off("close", onClose);
        if (error) reject(error);
        else resolve();
      };
      // Typed for each of the two kinds apart, and the same for both.
      const write = response.write as (chunk: Uint8Array, done: (e?: Error) => void) => boolean;
      write.call(response, part.bytes, done);
    });
  } finally {
    part.release();
  }
}

function setCommonHeaders(response: EdgeResponse, record: BlobRecord): void {
  response.setHeader("etag", `"${record.digest}"`);
  response.setHeader("accept-ranges", "bytes");
  response.setHeader("cache-control", CACHE_CONTROL);
}

function setRangeHeaders(
  response: EdgeResponse,
  record: BlobRecord,
  range: ByteRange | undefined,
): void {
  const { sizeBytes } = record;
  setCommonHeaders(response, record);
  response.setHeader("content-type", "application/octet-stream");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("content-length", range === undefined ? sizeBytes : range.end - range.start);
  if (range === undefined) return;
  response.statusCode = 206;
  response.setHeader("content-range", `bytes ${range.start}-${range.end - 1}/${sizeBytes}`);
}

/** `If-Range` with another blob's tag means that the whole is wanted (RFC 9110, 13.1.5). */
function wantedRange({ request }: BlobRequest, record: BlobRecord): string | undefined {
  const condition = request.headers["if-range"];
  if (condition !== undefined && condition !== `"${record.digest}"`) return undefined;
  return request.headers.range;
}
