import { InvalidError, OutOfRangeError } from "@tidemill/errors";

/** Bytes `start` up to and without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const singleRange = /^(\d{0,16})-(\d{0,16})$/;

/**
 * Reads a `Range` header against a size. Undefined means the whole: no header, or a unit other than
 * bytes, which RFC 9110 says to ignore. Throws InvalidError BAD_RANGE when it cannot be read or
 * asks for several ranges, OutOfRangeError RANGE_PAST_END when no byte of it exists.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const separator = header.indexOf("=");
  if (separator < 0) throw badRange(header);
  if (header.slice(0, separator).trim().toLowerCase() !== "bytes") return undefined;
  const match = singleRange.exec(header.slice(separator + 1).trim());
  if (match === null) throw badRange(header);
  const [first = "", last = ""] = [match[1], match[2]];
  if (first === "" && last === "") throw badRange(header);
  if (first === "") return suffix(Number(last), header, sizeBytes);
  const start = Number(first);
  const end = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== "" && Number(last) < start) throw badRange(header);
  if (start >= sizeBytes) throw pastEnd(header, sizeBytes);
  return { start, end };
}

function suffix(length: number, header: string, sizeBytes: number): ByteRange {
  if (length === 0 || sizeBytes === 0) throw pastEnd(header, sizeBytes);
  return { start: Math.max(0, sizeBytes - length), end: sizeBytes };
}

function badRange(header: string): InvalidError {
  const rule = "send one range: bytes=first-last, bytes=first- or bytes=-length";
  return new InvalidError(
    "BAD_RANGE",
    `range ${JSON.stringify(header.slice(0, 200))} cannot be served: ${rule}`,
    [{ field: "range", description: rule }],
  );
}

function pastEnd(header: string, sizeBytes: number): OutOfRangeError {
  return new OutOfRangeError(
    "RANGE_PAST_END",
    `range ${JSON.stringify(header)} has no byte of the ${sizeBytes} there are`,
    { metadata: { sizeBytes: String(sizeBytes) } },
  );
}
