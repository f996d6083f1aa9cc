import { createHash } from "node:crypto";
import { IntegrityError, InvalidError, QuotaError, UnavailableError } from "@tidemill/errors";

/** A blob of this size is sent or read within the time, or the artifact service counts as away. */
const TIMEOUT_MS = 60_000;
const NAMESPACE_HEADER = "x-tidemill-namespace";

/** Content-addressed bytes at the artifact service, each in the namespace it was put to. */
export interface ArtifactBlobs {
  /** Keeps bytes and answers their digest. */
  put(namespace: string, bytes: Uint8Array): Promise<string>;
  /**
   * The blob of a digest, verified. Throws InvalidError BLOB_NOT_FOUND when there is none, and
   * QuotaError when it is larger than `bytesMax`.
   */
  get(namespace: string, digest: string, bytesMax: number): Promise<Uint8Array>;
}

export function createArtifactBlobs(options: { readonly baseUrl: string }): ArtifactBlobs {
  const urlOf = (digest: string) => `${options.baseUrl}/v1/blobs/${digest}`;

  return {
    async put(namespace, bytes) {
      const digest = createHash("sha256").update(bytes).digest("hex");
      const response = await call(urlOf(digest), {
        method: "PUT",
        headers: {
          "content-type": "application/octet-stream",
          [NAMESPACE_HEADER]: namespace,
        },
        body: new Uint8Array(bytes),
      });
      const text = await response.text();
      if (!response.ok) throw away(`answered ${response.status} to a blob: ${text}`);
      return digest;
    },
    async get(namespace, digest, bytesMax) {
      const headers = { [NAMESPACE_HEADER]: namespace };
      const response = await call(urlOf(digest), { headers });
      if (response.status === 404) {
        await response.body?.cancel();
        throw blobMissing(digest);
      }
      if (!response.ok) throw away(`answered ${response.status}: ${await response.text()}`);
      const bytes = await readWhole(response, digest, bytesMax);
      if (createHash("sha256").update(bytes).digest("hex") === digest) return bytes;
      throw new IntegrityError("DIGEST_MISMATCH", `blob ${digest} came with other bytes`);
    },
  };
}

async function call(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    throw away("does not answer", cause);
  }
}

async function readWhole(
  response: Response,
  digest: string,
  bytesMax: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > bytesMax) throw tooLarge(digest, bytesMax);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof QuotaError) throw error;
    throw away("broke off in the middle of a blob", error);
  }
  return Buffer.concat(chunks);
}

function away(what: string, cause?: unknown): UnavailableError {
  return new UnavailableError("artifacts", `the artifact service ${what}`, { cause });
}

function blobMissing(digest: string): InvalidError {
  const rule = "put it to the artifact service first: PUT /v1/blobs/<digest>";
  return new InvalidError("BLOB_NOT_FOUND", `there is no blob ${digest}: ${rule}`, [
    { field: "spec_digest", description: rule },
  ]);
}

function tooLarge(digest: string, bytesMax: number): QuotaError {
  return new QuotaError("BLOB_TOO_LARGE", `blob ${digest} has more than ${bytesMax} bytes`, {
    metadata: { limit: String(bytesMax) },
  });
}
