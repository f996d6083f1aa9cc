import { createHash, randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { lstat, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Client } from "@connectrpc/connect";
import {
  IntegrityError,
  InvalidError,
  messageOf,
  StateError,
  TidemillError,
} from "@tidemill/errors";
import { type BackoffOptions, backoff, wait } from "@tidemill/lifecycle";
import type { TreeFile } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import type { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import type { ArtifactValue } from "@tidemill/proto/tidemill/orchestrator/v1/worker_service_pb.ts";
import type { Logger } from "@tidemill/telemetry";
import { type BlobClient, type BlobDigest, digestFile } from "./blob-client.ts";
import { diskFullIn } from "./full-disk.ts";
import { inParallel } from "./in-parallel.ts";
import { listTree } from "./list-tree.ts";
import { isInside } from "./local-paths.ts";

/** What was uploaded: one blob, or a tree of files. */
export interface UploadedContent extends BlobDigest {
  readonly tree: boolean;
}

interface TreeEntry {
  readonly path: string;
  readonly blobDigest: string;
  readonly sizeBytes: bigint;
  readonly executable: boolean;
}

export interface ArtifactStoreOptions {
  readonly blobs: BlobClient;
  readonly artifacts: Client<typeof ArtifactService>;
  readonly log: Logger;
  readonly retry?: BackoffOptions;
}

/** How long an attempt waits for its artifacts, and who hears that it does. */
export interface Patience {
  readonly signal: AbortSignal;
  /** Called each time that it did not work. */
  onTrouble(error: TidemillError): void;
}

const SMALL_BYTES_MAX = 1024 * 1024;
/** A longer list of files does not fit in a message with certainty, and goes as a blob. */
const LIST_BYTES_MAX = 256 * 1024;
const UNREADABLE: ReadonlySet<string> = new Set(["EACCES", "EPERM", "ENOENT", "ELOOP", "ENOTDIR"]);
const TRANSFERS_MAX = 8;
const MISSING_PAGE_MAX = 10_000;
const RETRY = { initialMs: 100, maxMs: 5_000 };
/** About a quarter of a minute: somebody may be making room, or another run may end. */
const FULL_TRIES_MAX = 8;
const REQUEST_ID_CHARS = 32;

/** Artifacts of tasks, between the local disk and the artifact service. */
export class ArtifactStore {
  readonly #options: ArtifactStoreOptions;

  constructor(options: ArtifactStoreOptions) {
    this.#options = options;
  }

  /**
   * Repeats `work` while the artifact service is away; the attempt's stop ends the waiting. Throws
   * StateError DISK_FULL when a disk stays full.
   */
  async persist<T>({ signal, onTrouble }: Patience, work: () => Promise<T>): Promise<T> {
    setMaxListeners(0, signal);
    const { log, retry = RETRY } = this.#options;
    const delays = backoff(retry);
    let fullTries = 0;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const full = diskFullIn(error);
        const known = full ?? error;
        if (!(known instanceof TidemillError) || !known.retriable) throw error;
        if (full !== undefined && ++fullTries >= FULL_TRIES_MAX) {
          throw new StateError("DISK_FULL", full.message, { cause: error });
        }
        log.warn("artifacts cannot be reached or stored, trying again", { error });
        onTrouble(known);
        if (!(await wait(delays.nextMs(), signal))) throw error;
      }
    }
  }

  /** Puts an input's content at `path`, whole or not at all. */
  async download(namespace: string, artifact: ArtifactValue, path: string): Promise<void> {
    const temporary = `${path}.download`;
    await rm(temporary, { recursive: true, force: true });
    try {
      await mkdir(dirname(path), { recursive: true });
      if (artifact.tree) await this.#downloadTree(namespace, artifact.digest, temporary);
      else await this.#options.blobs.getFile({ namespace, digest: artifact.digest }, temporary);
      await putInPlace(temporary, path);
    } catch (error) {
      // On a full disk, above all, half of it would be in the way.
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Uploads a file, or a directory with all that is in it; undefined when there is neither. Throws
   * InvalidError ARTIFACT_PATH_INVALID for a link that leaves the directory, StateError
   * OUTPUT_INVALID for a pipe and the like.
   */
  async upload(
    namespace: string,
    path: string,
    requestId: string,
  ): Promise<UploadedContent | undefined> {
    try {
      return await this.#uploadFound(namespace, path, requestId);
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  async #uploadFound(
    namespace: string,
    path: string,
    requestId: string,
  ): Promise<UploadedContent | undefined> {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return undefined;
    if (found.isDirectory()) return await this.#uploadTree(namespace, path, requestId);
    if (!found.isFile()) {
      const rule = "it is neither a file nor a directory but a pipe, a socket or a device";
      throw new StateError("OUTPUT_INVALID", `output artifact "${path}" cannot be stored: ${rule}`);
    }
    const { blobs } = this.#options;
    if (found.size <= SMALL_BYTES_MAX) {
      return { ...(await blobs.putBytes(namespace, await readFile(path))), tree: false };
    }
    const blob = await digestFile(path);
    await this.#uploadMissing(namespace, new Map([[blob.digest, { path, ...blob }]]));
    return { ...blob, tree: false };
  }

  async #downloadTree(namespace: string, digest: string, directory: string): Promise<void> {
    const { artifacts, blobs } = this.#options;
    await mkdir(directory, { recursive: true });
    let pageToken = "";
    do {
      const page = await artifacts.getTree({ namespace, digest, pageToken });
      await fetchFiles(page.tree?.files ?? []);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");

    async function fetchFiles(files: readonly TreeFile[]): Promise<void> {
      await inParallel(files, TRANSFERS_MAX, fetchFile);
    }

    async function fetchFile(file: TreeFile): Promise<void> {
      const path = join(directory, file.path);
      if (!isInside(path, directory)) {
        throw new IntegrityError("TREE_PATH_INVALID", `tree ${digest} holds "${file.path}"`);
      }
      await mkdir(dirname(path), { recursive: true });
      await blobs.getFile({ namespace, digest: file.blobDigest }, path, file.executable);
    }
  }

  async #uploadTree(
    namespace: string,
    directory: string,
    requestId: string,
  ): Promise<UploadedContent> {
    const files = await listTree(directory);
    const digests = new Map<string, BlobDigest & { path: string }>();
    const entries: TreeEntry[] = [];
    await inParallel(files, TRANSFERS_MAX, async ({ path, executable }) => {
      const full = join(directory, path);
      const blob = await digestFile(full);
      digests.set(blob.digest, { ...blob, path: full });
      const { digest: blobDigest, sizeBytes } = blob;
      entries.push({ path, blobDigest, sizeBytes: BigInt(sizeBytes), executable });
    });
    await this.#uploadMissing(namespace, digests);
    entries.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
    const list = Buffer.from(entries.map(treeLine).join(""));
    const isLong = list.length > LIST_BYTES_MAX;
    const request = {
      namespace,
      requestId: `${requestId}-tree`,
      ...(isLong
        ? { listDigest: (await this.#options.blobs.putBytes(namespace, list)).digest }
        : { files: entries }),
    };
    const { tree } = await this.#options.artifacts.createTree(request);
    return { digest: tree?.digest ?? "", sizeBytes: Number(tree?.sizeBytes ?? 0n), tree: true };
  }

  async #uploadMissing(
    namespace: string,
    blobs: ReadonlyMap<string, BlobDigest & { readonly path: string }>,
  ): Promise<void> {
    const digests = [...blobs.keys()];
    for (let at = 0; at < digests.length; at += MISSING_PAGE_MAX) {
      const page = digests.slice(at, at + MISSING_PAGE_MAX);
      const { missingDigests } = await this.#options.artifacts.findMissingBlobs({
        namespace,
        digests: page,
      });
      await inParallel(missingDigests, TRANSFERS_MAX, async (digest) => {
        const blob = blobs.get(digest);
        if (blob !== undefined) await this.#options.blobs.putFile(namespace, blob.path, blob);
      });
    }
  }
}

/**
 * A file takes another's place at once. A tree is moved aside and stays for as long as its run, for
 * a task may be reading it.
 */
async function putInPlace(temporary: string, path: string): Promise<void> {
  const old = await lstat(path).catch(() => undefined);
  const isTree = old?.isDirectory() === true || (await lstat(temporary)).isDirectory();
  if (old !== undefined && isTree) await rename(path, `${path}.replaced-${randomUUID()}`);
  await rename(temporary, path);
}

/** A line of the text that a tree's digest is made of. */
function treeLine({ path, sizeBytes, blobDigest, executable }: TreeEntry): string {
  return `${path}\0${sizeBytes}\0${blobDigest}${executable ? "\0x" : ""}\n`;
}

/** What the file system refuses is the user's to mend; trying again would not help. */
function unreadable(path: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (!UNREADABLE.has(code)) return error;
  return new InvalidError(
    "ARTIFACT_PATH_INVALID",
    `output artifact "${path}" cannot be read: ${messageOf(error)}`,
    [],
    { cause: error },
  );
}

/** The same for the same output of the same attempt, so that a repetition makes nothing twice. */
export function outputRequestId(attemptId: string, output: string, index: number): string {
  const digest = createHash("sha256").update(`${output}\0${index}`).digest("hex");
  return `${attemptId}-${digest.slice(0, REQUEST_ID_CHARS)}`;
}
