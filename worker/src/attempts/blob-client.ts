import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  IntegrityError,
  InvalidError,
  messageOf,
  QuotaError,
  UnavailableError,
} from "@tidemill/errors";

export interface BlobDigest {
  readonly digest: string;
  readonly sizeBytes: number;
}

/** Blobs are readable in the namespaces that they were stored in. */
export interface NamedBlob {
  readonly namespace: string;
  readonly digest: string;
}

const CONNECTIONS_MAX = 16;
const SOCKET_TIMEOUT_MS = 60_000;
const DISK_FULL_STATUS = 507;
const ERROR_BODY_BYTES_MAX = 4_096;

/** Bytes to and from the artifact service, over plain HTTP. */
export class BlobClient {
  readonly #base: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });

  constructor(base: string) {
    this.#base = new URL(base);
  }

  /** Stores bytes; doing so again changes nothing. */
  async putBytes(namespace: string, bytes: Uint8Array): Promise<BlobDigest> {
    const digest = createHash("sha256").update(bytes).digest("hex");
    await this.#put(
      { namespace, digest, sizeBytes: bytes.length },
      Readable.from([bytes], { objectMode: false }),
    );
    return { digest, sizeBytes: bytes.length };
  }

  /** Stores a file whose digest is known. */
  async putFile(namespace: string, path: string, blob: BlobDigest): Promise<void> {
    const { digest, sizeBytes } = blob;
    await this.#put({ namespace, digest, sizeBytes }, createReadStream(path));
  }

  /** All of a small blob. Throws IntegrityError when it is not what its digest says. */
  async getBytes(namespace: string, digest: string, sizeBytesMax: number): Promise<Buffer> {
    const response = await this.#send("GET", { namespace, digest });
    const parts: Buffer[] = [];
    let sizeBytes = 0;
    for await (const part of received(response)) {
      sizeBytes += part.length;
      if (sizeBytes > sizeBytesMax) {
        response.destroy();
        throw new InvalidError("VALUE_TOO_LARGE", `blob ${digest} has over ${sizeBytesMax} bytes`);
      }
      parts.push(part);
    }
    const bytes = Buffer.concat(parts);
    requireDigest(digest, createHash("sha256").update(bytes).digest("hex"));
    return bytes;
  }

  /** Writes a blob to a new file. Throws IntegrityError when it is not what its digest says. */
  async getFile(blob: NamedBlob, path: string, executable = false): Promise<void> {
    const { digest } = blob;
    const response = await this.#send("GET", blob);
    const hash = createHash("sha256");
    response.on("data", (part: Buffer) => hash.update(part));
    const file = createWriteStream(path, { flags: "wx", mode: executable ? 0o755 : 0o644 });
    let broken: "download" | "disk" | undefined;
    // Whichever breaks first is the cause: a pipeline then breaks the other.
    response.once("error", () => (broken ??= "download"));
    file.once("error", () => (broken ??= "disk"));
    try {
      await pipeline(response, file);
    } catch (error) {
      throw broken === "download" ? away(error) : error;
    }
    requireDigest(digest, hash.digest("hex"));
  }

  close(): void {
    this.#agent.destroy();
  }

  async #put(blob: NamedBlob & BlobDigest, body: Readable): Promise<void> {
    const response = await this.#send("PUT", blob, { sizeBytes: blob.sizeBytes, body });
    response.resume();
  }

  #send(
    method: "GET" | "PUT",
    { namespace, digest }: NamedBlob,
    content?: { readonly sizeBytes: number; readonly body: Readable },
  ): Promise<IncomingMessage> {
    const url = new URL(`/v1/blobs/${digest}`, this.#base);
    const headers = {
      "x-tidemill-namespace": namespace,
      ...(content === undefined ? {} : { "content-length": content.sizeBytes }),
    };
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(away(error));
      const call = request(url, {
        method,
        headers,
        agent: this.#agent,
        timeout: SOCKET_TIMEOUT_MS,
      });
      call.once("timeout", () => call.destroy(new Error(`no answer in ${SOCKET_TIMEOUT_MS} ms`)));
      call.once("error", fail);
      call.once("response", (response) => {
        const { statusCode = 0 } = response;
        if (statusCode >= 200 && statusCode < 300) resolve(response);
        else refusal(response, method, digest).then(reject, fail);
      });
      if (content === undefined) call.end();
      else pipeline(content.body, call).catch(fail);
    });
  }
}

/** SHA-256 and size of a file. */
export async function digestFile(path: string): Promise<BlobDigest> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const file = await open(path);
  for await (const part of file.createReadStream() as AsyncIterable<Buffer>) {
    hash.update(part);
    sizeBytes += part.length;
  }
  return { digest: hash.digest("hex"), sizeBytes };
}

function requireDigest(wanted: string, found: string): void {
  if (wanted === found) return;
  throw new IntegrityError("DIGEST_MISMATCH", `blob ${wanted} arrived as ${found}`);
}

async function* received(response: IncomingMessage): AsyncGenerator<Buffer, void> {
  try {
    yield* response as AsyncIterable<Buffer>;
  } catch (error) {
    throw away(error);
  }
}

function away(error: unknown): UnavailableError {
  return new UnavailableError("artifacts", `artifacts is away: ${messageOf(error)}`, {
    cause: error,
  });
}

async function refusal(response: IncomingMessage, method: string, digest: string): Promise<Error> {
  const { statusCode = 0 } = response;
  let text = "";
  for await (const part of response.setEncoding("utf8") as AsyncIterable<string>) {
    if (text.length < ERROR_BODY_BYTES_MAX) text += part;
  }
  const message = `${method} of blob ${digest} was answered ${statusCode}: ${text.trim()}`;
  if (statusCode === DISK_FULL_STATUS) {
    const full = "the disk of the artifact service is full, make room on it";
    return new QuotaError("DISK_FULL", full, { cause: new Error(message) });
  }
  if (statusCode === 429 || statusCode >= 500) return new UnavailableError("artifacts", message);
  return new InvalidError("BLOB_REFUSED", message);
}
