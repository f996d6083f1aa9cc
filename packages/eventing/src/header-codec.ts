/**
 * Percent-encoding of CloudEvents attributes in NATS headers (NATS binding 1.0.3, 3.1.3.2): what is
 * not printable ASCII, and space, double quote and percent, as %XX of its UTF-8 bytes.
 */
export function encodeHeaderValue(value: string): string {
  if (!needsEncoding.test(value)) return value;
  const bytes = Buffer.from(value.toWellFormed(), "utf8");
  let encoded = "";
  for (const byte of bytes) {
    const plain = byte > SPACE && byte < DELETE && byte !== QUOTE && byte !== PERCENT;
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

const SPACE = 0x20;
const QUOTE = 0x22;
const PERCENT = 0x25;
const DELETE = 0x7f;
// Anything but the printable ASCII characters that stand for themselves.
const needsEncoding = /[^!#$&-~]/;

/**
 * Undoes `encodeHeaderValue`, once. Undefined for what no encoder writes: a percent sign without
 * two hex digits, bytes that are no UTF-8 (overlong forms included), a character outside ASCII.
 */
export function decodeHeaderValue(encoded: string): string | undefined {
  const bytes: number[] = [];
  for (let index = 0; index < encoded.length; index++) {
    const code = encoded.charCodeAt(index);
    if (code === PERCENT) {
      const hex = encoded.slice(index + 1, index + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return undefined;
      bytes.push(Number.parseInt(hex, 16));
      index += 2;
    } else if (code < DELETE && code >= SPACE) {
      bytes.push(code);
    } else {
      return undefined;
    }
  }
  try {
    return utf8.decode(Uint8Array.from(bytes));
  } catch {
    // Not UTF-8: undefined says so.
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
