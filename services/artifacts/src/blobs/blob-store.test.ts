import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { IntegrityError, QuotaError } from "@tidemill/errors";
import { CHUNK_SIZE_BYTES, EMPTY_DIGEST, requireDigest } from "../domain/digest.ts";
import { BlobStore } from "./blob-store.ts";

const SIZE_BYTES_MAX = 24 * 1024 * 1024;

describe("the blob store", () => {
  let directory: string;
  let store: BlobStore;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "tidemill-blobs-"));
    store = new BlobStore({ directory, sizeBytesMax: SIZE_BYTES_MAX });
    await store.start();
  });
  after(async () => {
    await store.stop();
    await rm(directory, { recursive: true });
  });

  async function put(bytes: Buffer) {
    const staged = await store.stage(pieces(bytes));
    await staged.commit();
    return staged;
  }

  async function read(digest: string, sizeBytes: number, range = { start: 0, end: sizeBytes }) {
    const reader = await store.open(requireDigest(digest), sizeBytes);
    try {
      const parts: Buffer[] = [];
      for await (const part of reader.read(range)) {
        parts.push(Buffer.from(part.bytes));
        part.release();
      }
      return Buffer.concat(parts);
    } finally {
      await reader.close();
    }
  }

  const sizes = [0, 1, 1024 * 1024, CHUNK_SIZE_BYTES, CHUNK_SIZE_BYTES + 1, 9_000_001];
  for (const size of sizes) {
    it(`gives back ${size} bytes as they came`, async () => {
      const bytes = randomBytes(size);
      const staged = await put(bytes);
      assert.equal(staged.digest, createHash("sha256").update(bytes).digest("hex"));
      assert.equal(staged.sizeBytes, size);
      assert.ok((await read(staged.digest, size)).equals(bytes));
      const expected = [];
      for (let at = 0; at < size; at += CHUNK_SIZE_BYTES) {
        const chunk = bytes.subarray(at, at + CHUNK_SIZE_BYTES);
        expected.push(createHash("sha256").update(chunk).digest("hex"));
      }
      assert.deepEqual(await store.chunkDigests(staged.digest, size), expected);
      assert.deepEqual(await readdir(store.layout.temporary), []);
    });
  }

  it("knows the digest of nothing", async () => {
    assert.equal((await put(Buffer.alloc(0))).digest, EMPTY_DIGEST);
  });

  it("reads ranges that begin and end inside of chunks", async () => {
    const bytes = randomBytes(3 * CHUNK_SIZE_BYTES);
    const { digest } = await put(bytes);
    const [start, end] = [CHUNK_SIZE_BYTES - 3, 2 * CHUNK_SIZE_BYTES + 5];
    const found = await read(digest, bytes.length, { start, end });
    assert.ok(found.equals(bytes.subarray(start, end)));
  });

  it("keeps the same blob uploaded many times at once", async () => {
    const bytes = randomBytes(5_000_000);
    const staged = await Promise.all(Array.from({ length: 8 }, () => put(bytes)));
    assert.equal(new Set(staged.map((one) => one.digest)).size, 1);
    assert.ok((await read(staged[0]?.digest ?? "", bytes.length)).equals(bytes));
  });

  it("leaves nothing of a stream that breaks", async () => {
    async function* broken() {
      yield randomBytes(3_000_000);
      throw new Error("the client went away");
    }
    await assert.rejects(store.stage(broken()), /went away/);
    assert.deepEqual(await readdir(store.layout.temporary), []);
  });

  it("refuses what is too large by the name of the limit", async () => {
    async function* endless() {
      for (;;) yield randomBytes(1_000_000);
    }
    await assert.rejects(store.stage(endless()), (error) => {
      assert.ok(error instanceof QuotaError);
      assert.equal(error.reason, "BLOB_TOO_LARGE");
      return true;
    });
    assert.deepEqual(await readdir(store.layout.temporary), []);
  });

  it("sweeps what an earlier process left unfinished", async () => {
    await writeFile(join(store.layout.temporary, "left"), "half");
    await store.start();
    assert.deepEqual(await readdir(store.layout.temporary), []);
  });

  it("gives the good chunks and refuses the damaged one", async () => {
    const bytes = randomBytes(3 * CHUNK_SIZE_BYTES);
    const { digest } = await put(bytes);
    await flipByte(store.layout.blobOf(digest), CHUNK_SIZE_BYTES + 77);
    const first = { start: 0, end: CHUNK_SIZE_BYTES };
    assert.ok((await read(digest, bytes.length, first)).equals(bytes.subarray(0, first.end)));
    const [start, end] = [CHUNK_SIZE_BYTES, CHUNK_SIZE_BYTES + 1];
    await assert.rejects(read(digest, bytes.length, { start, end }), isIntegrity("BLOB_CORRUPT"));
    await assert.rejects(read(digest, bytes.length), isIntegrity("BLOB_CORRUPT"));
    await put(bytes);
    assert.ok((await read(digest, bytes.length)).equals(bytes), "the same upload mends it");
  });

  it("refuses damaged chunk digests, a cut file and a file that is gone", async () => {
    const bytes = randomBytes(2 * CHUNK_SIZE_BYTES);
    const { digest } = await put(bytes);
    await flipByte(store.layout.chunksOf(digest), 3);
    await assert.rejects(read(digest, bytes.length), isIntegrity("BLOB_CHUNKS_CORRUPT"));
    await truncate(store.layout.blobOf(digest), 17);
    await assert.rejects(read(digest, bytes.length), isIntegrity("BLOB_SIZE_DIFFERS"));
    await rm(store.layout.blobOf(digest));
    await assert.rejects(read(digest, bytes.length), isIntegrity("BLOB_MISSING"));
  });

  it("adopts a file that was written elsewhere", async () => {
    const path = join(directory, "elsewhere");
    const bytes = randomBytes(CHUNK_SIZE_BYTES + 9);
    await writeFile(path, bytes);
    const digests = await store.digestFile(path);
    await store.adopt(path, digests);
    assert.ok((await read(digests.digest, bytes.length)).equals(bytes));
    await assert.rejects(stat(path));
  });
});

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  const PIECE = 65_521;
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

async function flipByte(path: string, position: number): Promise<void> {
  const bytes = await readFile(path);
  const file = await open(path, "r+");
  await file.write(Buffer.from([(bytes[position] ?? 0) ^ 0xff]), 0, 1, position);
  await file.close();
}

function isIntegrity(reason: string) {
  return (error: unknown) => error instanceof IntegrityError && error.reason === reason;
}
