import { readFileSync, writeFileSync } from "node:fs";

const LENGTH_BYTES = 4;

/** A file of entries, each after its length. */
export function writeEntries(path: string, entries: readonly Uint8Array[]): void {
  const parts = entries.flatMap((entry) => {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(entry.byteLength);
    return [length, entry];
  });
  writeFileSync(path, Buffer.concat(parts));
}

export function readEntries(path: URL): Uint8Array[] {
  const bytes = readFileSync(path);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
    entries.push(bytes.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return entries;
}
