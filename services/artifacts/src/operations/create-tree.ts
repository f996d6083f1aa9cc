import { InvalidError, StateError } from "@tidemill/errors";
import type { Clock } from "@tidemill/lifecycle";
import { type Codec, type Database, type IdempotencyKey, once } from "@tidemill/postgres";
import type { BlobStore } from "../blobs/blob-store.ts";
import type { Digest } from "../domain/digest.ts";
import {
  createTree,
  decodeTree,
  encodeTree,
  TREE_LIST_BYTES_MAX,
  type TreeFile,
  type TreeRecord,
} from "../domain/tree.ts";
import { findBlob, findBlobSizes, insertBlobs } from "../store/blobs.ts";
import { insertTree } from "../store/trees.ts";

export interface CreateTreeContext {
  readonly db: Database;
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

export interface CreateTree {
  readonly namespace: string;
  readonly caller: string;
  readonly request: IdempotencyKey | undefined;
  /** The files, or the digest of a blob that holds their list. */
  readonly files: readonly TreeFile[] | Digest;
}

/**
 * Keeps the list of a directory's files, itself a blob. Throws InvalidError BAD_TREE, StateError
 * BLOBS_MISSING when one of them, or the list, has not been uploaded.
 */
export async function createTreeOf(
  ctx: CreateTreeContext,
  command: CreateTree,
): Promise<TreeRecord> {
  const { namespace, caller } = command;
  const { files } = command;
  const tree = createTree(typeof files === "string" ? await readList(ctx, command, files) : files);
  await requireBlobs(ctx, namespace, tree.files);
  const encoded = encodeTree(tree.files);
  const staged = await ctx.blobs.stage(inOnePiece(encoded));
  const { digest } = staged;
  if (typeof files === "string" && files !== digest) {
    await staged.discard();
    throw notCanonical(files, digest);
  }
  await staged.commit();
  const record: TreeRecord = { digest, sizeBytes: tree.sizeBytes, fileCount: tree.files.length };
  const made = { namespace, createdBy: caller, createdAt: ctx.clock.now() };
  return await ctx.db.transaction((tx) =>
    once(tx, command.request, treeCodec, async () => {
      await insertBlobs(tx, [{ ...made, digest, sizeBytes: encoded.length }]);
      await insertTree(tx, { ...made, ...record });
      return record;
    }),
  );
}

/** How many digests one statement asks for. */
const BLOBS_PER_QUERY = 10_000;
const SHOWN_MAX = 3;

async function readList(
  ctx: CreateTreeContext,
  { namespace }: CreateTree,
  digest: Digest,
): Promise<readonly TreeFile[]> {
  const list = await findBlob(ctx.db, namespace, digest);
  if (list === undefined) throw blobsMissing(namespace, [digest]);
  if (list.sizeBytes > TREE_LIST_BYTES_MAX) {
    const rule = `a tree's list has at most ${TREE_LIST_BYTES_MAX} bytes`;
    throw new InvalidError("BAD_TREE", `blob ${digest} has ${list.sizeBytes} bytes: ${rule}`, [
      { field: "list_digest", description: rule },
    ]);
  }
  return decodeTree(await ctx.blobs.readWhole(digest, list.sizeBytes));
}

function notCanonical(sent: Digest, found: Digest): InvalidError {
  const rule =
    "sort the files by the bytes of their paths, and write numbers without leading zeros";
  return new InvalidError("BAD_TREE", `list ${sent} is that of tree ${found}: ${rule}`, [
    { field: "list_digest", description: rule },
  ]);
}

async function requireBlobs(
  ctx: CreateTreeContext,
  namespace: string,
  files: readonly TreeFile[],
): Promise<void> {
  const digests = [...new Set(files.map((file) => file.blobDigest))];
  const sizes = new Map<Digest, number>();
  for (let at = 0; at < digests.length; at += BLOBS_PER_QUERY) {
    const part = digests.slice(at, at + BLOBS_PER_QUERY);
    for (const [digest, size] of await findBlobSizes(ctx.db, namespace, part)) {
      sizes.set(digest, size);
    }
  }
  const missing = digests.filter((digest) => !sizes.has(digest));
  if (missing.length > 0) throw blobsMissing(namespace, missing);
  for (const file of files) {
    const size = sizes.get(file.blobDigest);
    if (size !== file.sizeBytes) throw sizeDiffers(file, size);
  }
}

function blobsMissing(namespace: string, missing: readonly Digest[]): StateError {
  const shown = missing.slice(0, SHOWN_MAX).join(", ");
  const more = missing.length > SHOWN_MAX ? ` and ${missing.length - SHOWN_MAX} more` : "";
  return new StateError(
    "BLOBS_MISSING",
    `namespace "${namespace}" has no blob ${shown}${more}: upload them first`,
    { metadata: { count: String(missing.length), first: missing[0] ?? "" } },
  );
}

function sizeDiffers(file: TreeFile, size: number | undefined): InvalidError {
  const rule = `blob ${file.blobDigest} has ${size} bytes`;
  return new InvalidError(
    "BAD_TREE",
    `file ${JSON.stringify(file.path)} cannot have ${file.sizeBytes} bytes: ${rule}`,
    [{ field: "files", description: rule }],
  );
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const treeCodec: Codec<TreeRecord> = {
  encode: (tree) => Buffer.from(JSON.stringify(tree)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString("utf8")),
};
